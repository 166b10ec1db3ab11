-- How a ModelCheckpoint names its files: templates such as "{epoch:02d}-{val_loss:.2f}".
--
-- The steps are Python's, for their corners show in file names: a group is "{" up to the next ":"
-- or "}", names are put in longest first, an unknown name counts as 0, and only then the whole is
-- formatted as str.format does.
local use = ...
local python, ordered_dict = use("python_text"), use("ordered_dict")
local error, ipairs, pairs = error, ipairs, pairs
local concat, find, format, gmatch, sort, sub, utf8_len =
  table.concat, string.find, string.format, string.gmatch, table.sort, string.sub, utf8.len

local names = {}

local function replace(text, old, new)
  local parts, from = {}, 1
  while true do
    local first, last = find(text, old, from, true)
    if not first then break end
    parts[#parts + 1] = sub(text, from, first - 1) .. new
    from = last + 1
  end
  return concat(parts) .. sub(text, from)
end

-- "{name" of every group, longest first; those of one length as they stand.
local function groups_of(template)
  local groups = {}
  local from = 1
  while true do
    local first, last = find(template, "{[^\n]-[:}]", from)
    if not first then break end
    groups[#groups + 1] = { text = sub(template, first, last - 1), place = #groups }
    from = last + 1
  end
  for _, group in ipairs(groups) do group.length = utf8_len(group.text) or #group.text end
  sort(groups, function(a, b)
    if a.length ~= b.length then return a.length > b.length end
    return a.place < b.place
  end)
  return groups
end

-- One replacement field, what stands between its braces: "0[name]" or "0[name]:spec".
local function field_text(field, metrics)
  local name, spec = field:match("^0%[([^%]]*)%]:(.*)$")
  if not name then name, spec = field:match("^0%[([^%]]*)%]$"), "" end
  if not name then
    error(format("ValueError: ModelCheckpoint: filename: cannot read the field {%s}", field), 0)
  end
  return python.format(metrics[name], spec)
end

-- str.format: fields in braces, doubled braces for single ones.
local function fill_in(template, metrics)
  local parts, at = {}, 1
  while at <= #template do
    local brace = find(template, "[{}]", at)
    if not brace then break end
    local char = sub(template, brace, brace)
    parts[#parts + 1] = sub(template, at, brace - 1)
    if sub(template, brace + 1, brace + 1) == char then
      parts[#parts + 1] = char
      at = brace + 2
    else
      local close = char == "{" and find(template, "}", brace, true)
      if not close then
        error(format("ValueError: ModelCheckpoint: filename: a single '%s' in \"%s\"", char,
                     template), 0)
      end
      parts[#parts + 1] = field_text(sub(template, brace + 1, close - 1), metrics)
      at = close + 1
    end
  end
  return concat(parts) .. sub(template, at)
end

-- `style` has join, equals and auto_insert. The metrics are not changed.
function names.interpolate(template, metrics, style)
  if template == nil or template == "" then template = "{epoch}" .. style.join .. "{step}" end
  local known = ordered_dict()
  for name, value in pairs(metrics) do known[name] = value end
  for _, group in ipairs(groups_of(template)) do
    local name = sub(group.text, 2)
    if style.auto_insert then
      template = replace(template, group.text, name .. style.equals .. "{" .. name)
    end
    template = replace(template, group.text, "{0[" .. name .. "]")
    if known[name] == nil then known[name] = 0 end
  end
  return fill_in(template, known)
end

-- Parts of a path joined with "/"; empty ones and "." add nothing.
function names.join(...)
  local parts = {}
  for _, part in ipairs{ ... } do
    if part ~= "" then parts[#parts + 1] = part end
  end
  local absolute = sub(parts[1] or "", 1, 1) == "/"
  local pieces = {}
  for piece in gmatch(concat(parts, "/"), "[^/]+") do
    if piece ~= "." then pieces[#pieces + 1] = piece end
  end
  return (absolute and "/" or "") .. concat(pieces, "/")
end

-- True if `path` lies somewhere below `folder`.
function names.is_below(path, folder)
  path, folder = names.join(path), names.join(folder)
  return folder == "" or sub(path, 1, #folder + 1) == folder .. "/"
end

return names
