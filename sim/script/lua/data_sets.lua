-- What `data` has beyond loaders and samplers: random_split, and a data set whose truth is known.
local use, c = ...
local options = use("options")
local rank_zero = use("rank_zero")
local check = options.check
local error, floor, format, ipairs, math_type, tostring, type =
  error, math.floor, string.format, ipairs, math.type, tostring, type

local sets = {}

-- ---- random_split ----

-- Lengths from fractions: each rounded down, and one more for the first ones while any are left.
local function from_fractions(lengths, size)
  local counts, total = {}, 0
  for i, fraction in ipairs(lengths) do
    if fraction < 0 or fraction > 1 then
      error(format("ValueError: Fraction at index %d is not between 0 and 1", i - 1), 0)
    end
    counts[i] = floor(size * fraction)
    total = total + counts[i]
  end
  for i = 0, size - total - 1 do
    local k = i % #counts + 1
    counts[k] = counts[k] + 1
  end
  for i, count in ipairs(counts) do
    if count == 0 then
      rank_zero.rank_zero_warn(format("Length of split at index %d is 0. This might result in an " ..
                                      "empty dataset.", i - 1))
    end
  end
  return counts
end

-- Fractions add up to 1 as Python's isclose has it; whole numbers to the size.
local function counts_of(lengths, size)
  local sum = 0
  for i, length in ipairs(lengths) do
    if type(length) ~= "number" then
      error(format("TypeError: random_split: length %d is a %s, expected a number", i, type(length)),
            0)
    end
    sum = sum + length
  end
  if sum <= 1 + 1e-9 and sum >= 1 - 1e-9 then return from_fractions(lengths, size) end
  for _, length in ipairs(lengths) do
    if math_type(length) ~= "integer" or length < 0 then sum = -1 end
  end
  if sum ~= size then
    error("ValueError: Sum of input lengths does not equal the length of the input dataset!", 0)
  end
  return lengths
end

-- random_split(dataset, lengths, { generator }): a subset for each length, by one permutation of
-- the generator or of the rank's own: ranks whose generators differ split differently.
function sets.random_split(dataset, lengths, given)
  given = check(given, "random_split", { "generator" })
  if type(lengths) ~= "table" or #lengths == 0 then
    error(format("TypeError: random_split: lengths are a %s, expected a list of numbers",
                 type(lengths)), 0)
  end
  local counts = counts_of(lengths, #dataset)
  local order = torch.randperm(#dataset, { generator = given.generator })
  local parts, first = {}, 0
  for i, count in ipairs(counts) do
    parts[i] = data.Subset(dataset, order:narrow(0, first, count))
    first = first + count
  end
  return table.unpack(parts)
end

-- ---- a truth to be found ----

local function count_option(given, name, fallback)
  local value = given[name]
  if value == nil then value = fallback end
  if math_type(value) ~= "integer" or value < 1 then
    error(format("Synthetic: option '%s' is %s, expected a whole number from 1 on", name,
                 tostring(value)), 0)
  end
  return value
end

-- Synthetic{ samples, features, classes or noise, seed }: rows x of standard normal numbers.
--
-- Without classes y = x @ truth + noise * normal, of shape [samples, 1], and truth is
-- [features, 1]. With classes y is the column of x @ truth that is largest, and truth is
-- [features, classes]: a linear model can be right about every sample. Everything comes from one
-- generator of that seed, so that all ranks have the same data set.
function sets.Synthetic(given)
  given = check(given, "Synthetic", { "samples", "features", "classes", "noise", "seed" })
  local samples = count_option(given, "samples", 1000)
  local features = count_option(given, "features", 10)
  local noise = given.noise or 0.0
  if type(noise) ~= "number" or not (noise >= 0) then
    error(format("Synthetic: option 'noise' is %s, expected a number from 0 on", tostring(noise)), 0)
  end
  if given.classes and given.noise then
    error("Synthetic: options 'classes' and 'noise' exclude each other", 0)
  end
  local generator = torch.Generator():manual_seed(given.seed or 0)
  local drawn = { generator = generator }
  local outputs = given.classes and count_option(given, "classes") or 1
  local truth = torch.randn(features, outputs, drawn)
  local x = torch.randn(samples, features, drawn)
  local y = x:matmul(truth)
  if given.classes then
    y = y:argmax(1)
  elseif noise > 0 then
    y = y + torch.randn(samples, 1, drawn) * noise
  end
  return c.with_truth(data.TensorDataset(x, y), truth)
end

return sets
