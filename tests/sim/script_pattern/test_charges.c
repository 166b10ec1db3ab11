/* SPDX-License-Identifier: MIT */
#include "sim/script/charges.h"
#include "tests/sim/script_pattern/oracle.h"
#include "tests/testutil.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

/*
 * Two questions to every function: does it still do what the stock one does (both run the same
 * chunk), and does it charge in proportion (what it charged is looked at, or an endless chunk must
 * end with the budget).
 */
static void
same_all(const char *const *chunks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        oracle_same(chunks[i]);
}

START_TEST(test_string_functions_do_what_stock_does)
{
    static const char *const chunks[] = {
        "return ('ab'):rep(3), ('ab'):rep(3, ','), ('ab'):rep(1, ','), ('ab'):rep(0), "
        "('a'):rep(-1)",
        "return (''):rep(100), (''):rep(3, ','), (''):rep(2, ''), (12):rep(2), ('x'):rep('2')",
        "return ('x'):rep(2.0), ('x'):rep(1.5)",
        "return ('x'):rep(1 << 62), 1",
        "return (''):rep('x')",
        "return (''):rep(2, {})",
        "return (''):rep()",
        "return string.rep()",
        "return ('abc'):reverse(), (''):reverse(), (12):reverse()",
        "return ('aBc'):upper(), ('aBc'):lower(), ('\\xe9'):upper()",
        "return string.upper()",
        "return string.lower({})",
        "local s = 'x' return s.reverse(nil)",
        "return ('abc'):sub(2), ('abc'):sub(-2, -1), ('abc'):sub(0), ('abc'):sub(5), "
        "('abc'):sub(2, 1)",
        "return ('abc'):sub()",
        "return ('abc'):sub('x')",
        "return ('abc'):byte(), ('abc'):byte(2), ('abc'):byte(1, -1), ('abc'):byte(9)",
        "return ('abc'):byte({})",
        "return select('#', ('x'):rep(5000):byte(1, -1))",
        "return pcall(string.byte, ('x'):rep(2000000), 1, -1)",
        "return string.char(), string.char(97, 98), string.char(0, 255)",
        "return string.char(256)",
        "return string.char('x')",
        "return ('%d %s %5.2f %q %x %%'):format(1, 'a', 2.5, 'q\\n', 255)",
        "return ('%s %s %s'):format(nil, true, setmetatable({}, { __tostring = function() return "
        "'T' end }))",
        "return ('%-10s|%10s|%.3s'):format('a', 'b', 'abcdef')",
        "return ('%99.99f'):format(1e308)",
        "return ('%d'):format('x')",
        "return ('%d'):format(1.5)",
        "return ('%y'):format(1)",
        "return ('%d'):format()",
        "return ('<i4'):pack(7), string.pack('z', 'abc'), string.pack('s1', 'abc'), "
        "string.pack('c5', 'ab')",
        "return string.packsize('<i4i8'), string.packsize('!8 i1 i8')",
        "return string.packsize('z')",
        "return string.pack('i17', 1)",
        "return string.unpack('<i4', '\\1\\0\\0\\0'), string.unpack('z', 'ab\\0c'), "
        "string.unpack('s1', '\\2ab')",
        "return string.unpack('z', 'abc')",
        "return string.unpack('i4', 'abc')",
        "return string.unpack('<i2', '\\1\\0\\2\\0', 3)",
        "return string.unpack('<i2z', '\\1\\0ab\\0', 1)",
        "return string.unpack('i1', 'a', 9)",
        "return tonumber('12'), tonumber('0x10'), tonumber('z', 36), tonumber('1e1'), "
        "tonumber('x'), tonumber(nil)",
        "return tonumber(), 1",
        "return tonumber('12', 99)",
        "return tonumber(12, 10)",
        "return tonumber(('1'):rep(300)), tonumber(' ' .. ('0'):rep(400) .. '1')",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

START_TEST(test_utf8_functions_do_what_stock_does)
{
    static const char *const chunks[] = {
        "return utf8.len('na\\u{ef}ve'), utf8.len(''), utf8.len('abc', 4), utf8.len('abc', 2, 2)",
        "return utf8.len('a\\xff'), utf8.len('\\xff'), utf8.len('abc', -1), utf8.len('abc', 3, 1)",
        "return utf8.len('abc', 5)",
        "return utf8.len('abc', 1, 4)",
        "return utf8.len({})",
        "return utf8.len('abc', 'x')",
        "return utf8.codepoint('h\\u{e9}'), utf8.codepoint('h\\u{e9}', 1, -1), "
        "utf8.codepoint('abc', -1)",
        "return utf8.codepoint('abc', 4)",
        "return utf8.codepoint('abc', 0)",
        "return utf8.codepoint('\\xff')",
        "return utf8.codepoint('abc', 3, 1), 0",
        "return utf8.char(), utf8.char(72, 233, 8364), utf8.char(0x10ffff)",
        "return utf8.char(-1)",
        "return utf8.offset('a\\u{e9}b', 3), utf8.offset('a\\u{e9}b', -1), "
        "utf8.offset('a\\u{e9}b', 0, 3)",
        "return utf8.offset('abc', 9), utf8.offset('abc', -9), utf8.offset('abc', 1), "
        "utf8.offset('', 1)",
        "return utf8.offset('abc', 1, 9)",
        "return utf8.offset('a\\u{e9}b', 1, 3)",
        "local out = {} for p, c in utf8.codes('a\\u{e9}\\u{20ac}b') do out[#out + 1] = p .. ':' "
        ".. c end\n"
        "return table.concat(out, ' ')",
        "for p, c in utf8.codes('a\\xff') do end",
        "for p, c in utf8.codes('\\u{7fffffff}') do end",
        "local n = 0 for p, c in utf8.codes('\\u{7fffffff}', true) do n = n + p end return n",
        "for p, c in utf8.codes('') do end return 1",
        "utf8.codes({})",
        "local next, s, i = utf8.codes('xyz') return s, i, next(s, i), next(s, 3), next(s, 99), "
        "next(s, -1)",
        "local next = utf8.codes('xyz') return pcall(next)",
        "local next = utf8.codes('xyz') return pcall(next, 'a')",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

START_TEST(test_table_functions_do_what_stock_does)
{
    static const char *const chunks[] = {
        "local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) table.insert(t, 5, 9) return "
        "table.unpack(t)",
        "table.insert({1}, 3, 1)",
        "table.insert({1}, 0, 1)",
        "table.insert({1}, 'x', 1)",
        "table.insert({1}, 1.5, 1)",
        "table.insert({1})",
        "table.insert({1}, 1, 2, 3)",
        "table.insert()",
        "table.insert(nil, 1)",
        "table.insert('abc', 1)",
        "local t = {1, 2, 3} return table.remove(t), table.remove(t, 1), #t, t[1]",
        "return table.remove({}), table.remove({}, 0), table.remove({}, nil)",
        "local t = {[0] = 'z'} return table.remove(t, 0), t[0]",
        "local t = {1, 2, [4] = 4} return table.remove({1, 2}, 3)",
        "table.remove({1}, 'x')",
        "table.remove()",
        "return table.concat({}), table.concat({1}), table.concat({1, 2.5, 'x'}, ', ')",
        "return table.concat({1, 2, 3}, '-', 2), table.concat({1, 2, 3}, '-', 2, 2), "
        "table.concat({1, 2, 3}, '-', 3, 2)",
        "return table.concat({1, {}}, ',')",
        "return table.concat({1, 2}, ',', 1, 3)",
        "return table.concat({1, 2}, ',', 0)",
        "return table.concat({1, 2}, {})",
        "return table.concat({1, 2}, ',', 'x')",
        "return table.concat(nil)",
        "return table.concat({[math.maxinteger] = 'x'}, ',', math.maxinteger, math.maxinteger)",
        "return table.concat({[math.maxinteger - 1] = 'w', [math.maxinteger] = 'x'}, ',', "
        "math.maxinteger - 1, math.maxinteger)",
        "return table.unpack({1, 2, 3})",
        "return table.unpack({1, 2, 3}, 2)",
        "return table.unpack({1, 2, 3}, 2, 3)",
        "return table.unpack({1, 2, 3}, -1, 1)",
        "return select('#', table.unpack({}, 1, 0)), select('#', table.unpack({}, 1, 3))",
        "return table.unpack({}, 1, 1e7)",
        "return table.unpack({}, math.mininteger, math.maxinteger)",
        "return table.unpack({}, math.maxinteger, math.maxinteger)",
        "return table.unpack({}, math.maxinteger - 1, math.maxinteger)",
        "return table.unpack('x', 1, 1)",
        "return table.unpack(nil)",
        "return table.unpack({}, 'x')",
        "return table.unpack({}, 1, {})",
        "local t = table.pack(1, nil, 3, nil) return t.n, t[1], t[3]",
        "return table.unpack(table.move({1, 2, 3}, 1, 3, 2))",
        "return table.unpack(table.move({1, 2, 3}, 2, 3, 1))",
        "return table.unpack(table.move({1, 2, 3}, 1, 3, 1, {}))",
        "return table.unpack(table.move({1, 2, 3}, 1, 0, 5))",
        "table.move({}, 1, math.maxinteger, 2)",
        "table.move({}, -1, math.maxinteger, 2)",
        "table.move({}, 0, math.maxinteger - 1, 2)",
        "table.move({}, math.mininteger, 1, 2)",
        "table.move({}, 1, 2)",
        "table.move({}, 1, 2, 'x')",
        "table.move(1, 1, 2, 3)",
        "return #table.move({1}, math.mininteger, math.mininteger, 1)",
        "return #table.move({1}, math.maxinteger, math.maxinteger, 1)",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

/* Lists that are no plain tables: every access is written down, and the lists must agree. */
START_TEST(test_metamethods_are_asked_in_the_same_order)
{
    static const char *const prelude =
        "local log = {}\n"
        "local function note(...) log[#log + 1] = ('%s %s %s'):format(...) end\n"
        "local function proxy(data)\n"
        "  return setmetatable({}, {\n"
        "    __len = function() note('len', '', '') return #data end,\n"
        "    __index = function(_, k) note('get', k, '') return data[k] end,\n"
        "    __newindex = function(_, k, v) note('set', k, v) data[k] = v end,\n"
        "  })\n"
        "end\n"
        "local p = proxy{ 'a', 'b', 'c', 'd' }\n";
    static const char *const chunks[] = {
        "table.insert(p, 'x')",
        "table.insert(p, 2, 'x')",
        "pcall(table.insert, p, 9, 'x')",
        "pcall(table.insert, p)",
        "note(table.remove(p), '', '')",
        "note(table.remove(p, 1), '', '')",
        "note(table.remove(p, 5), '', '')",
        "note(table.concat(p, ','), '', '')",
        "note(table.concat(p, ',', 2, 3), '', '')",
        "note(select('#', table.unpack(p)), '', '')",
        "note(select('#', table.unpack(p, 2, 3)), '', '')",
        "table.move(p, 1, 3, 2)",
        "table.move(p, 2, 4, 1)",
        "table.move(p, 1, 2, 1, proxy{})",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(chunks); i++) {
        g_autofree char *chunk =
            g_strconcat(prelude, chunks[i], "\nreturn table.concat(log, '; ')", NULL);

        oracle_same(chunk);
    }

    /* Without all that a list needs, the argument is refused. */
    oracle_same(
        "return pcall(table.insert, setmetatable({}, { __len = function() return 0 end }), 1)");
    oracle_same("return pcall(table.insert, io.stdout, 1)");
    oracle_same("return pcall(table.concat, io.stdout)");
    oracle_same(
        "return pcall(table.concat, setmetatable({}, { __len = function() return 'x' end }))");
}
END_TEST

/* Positions out of bounds: 5.4.4 names the wrong argument here, later versions the right one. */
START_TEST(test_remove_names_the_position_that_is_out_of_bounds)
{
    g_autofree char *got = oracle_run(oracle_ours, "table.remove({1}, 5)");

    ck_assert_str_eq(got,
                     "error: \"case:1: bad argument #2 to 'remove' (position out of bounds)\"");
}
END_TEST

START_TEST(test_random_table_calls_do_what_stock_does)
{
    g_autofree char *chunk = g_strdup_printf(
        "local seed = %d\n"
        "local function below(n)\n"
        "  seed = (seed * 1103515245 + 12345) %% 2147483648\n"
        "  return seed // 65536 %% n\n"
        "end\n"
        "local out, t = {}, {}\n"
        "local function show(ok, ...)\n"
        "  local all = table.pack(...)\n"
        "  for i = 1, all.n do\n"
        "    local v = all[i]\n"
        "    all[i] = type(v) == 'table' and 'table' or tostring(v)\n"
        "  end\n"
        "  local text = table.concat(all, ',')\n"
        "  if not text:find('position out') then out[#out + 1] = text end\n"
        "end\n"
        "local calls = {\n"
        "  function() return table.insert(t, below(100)) end,\n"
        "  function() return table.insert(t, below(12) - 1, below(100)) end,\n"
        "  function() return table.remove(t) end,\n"
        "  function() return table.remove(t, below(12) - 1) end,\n"
        "  function() return table.concat(t, ';', below(8) - 1, below(12) - 1) end,\n"
        "  function() return table.concat(t, below(9)) end,\n"
        "  function() return table.unpack(t, below(8) - 2, below(12) - 1) end,\n"
        "  function() return table.move(t, below(6), below(9), below(9)) end,\n"
        "}\n"
        "for i = 1, 4000 do\n"
        "  if i %% 40 == 0 then t = {} end\n"
        "  show(pcall(calls[below(#calls) + 1]))\n"
        "end\n"
        "return table.concat(out, '\\n')",
        _i + 1);

    oracle_same(chunk);
}
END_TEST

/* ---- sort ---- */

START_TEST(test_sort_orders_as_stock_does)
{
    static const char *const chunks[] = {
        "local t = {3, 1, 2} table.sort(t) return table.unpack(t)",
        "local t = {} table.sort(t) return #t",
        "local t = {1} table.sort(t, 5) return #t",
        "local t = {'b', 'a', 'C', '', 'ab', 'a\\0b'} table.sort(t) return table.unpack(t)",
        "local t = {2.5, 1, -3, 1e300, 0} table.sort(t) return table.unpack(t)",
        "local t = {1, 2, 3, 4, 5} table.sort(t, function(a, b) return a > b end) return "
        "table.unpack(t)",
        "table.sort({1, 'x'})",
        "table.sort({{}, {}})",
        "table.sort({3, 2, 1}, 5)",
        "table.sort()",
        "table.sort({3, 2, 1}, function() error('mine') end)",
        "return pcall(table.sort, {3, 2, 1}, function() error() end)",
        "local m = { __lt = function(a, b) return a[1] < b[1] end }\n"
        "local t = {} for i = 1, 9 do t[i] = setmetatable({ i * 7 % 10 }, m) end\n"
        "table.sort(t) for i = 1, 9 do t[i] = t[i][1] end return table.unpack(t)",
        "local t = {} for i = 1, 1000 do t[i] = i * 7919 % 1009 end\n"
        "table.sort(t) return table.concat(t, ',')",
        "local t = {} for i = 1, 999 do t[i] = tostring(i * 7919 % 1009) end\n"
        "table.sort(t, function(a, b) return a > b end) return table.concat(t, ',')",
        "local data = {5, 3, 4, 1}\n"
        "local p = setmetatable({}, { __len = function() return #data end,\n"
        "  __index = data, __newindex = function(_, k, v) data[k] = v end })\n"
        "table.sort(p) return table.unpack(data)",
        "table.sort(setmetatable({}, { __len = function() return math.maxinteger end }))",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
    for (int count = 0; count < 40; count++) {
        g_autofree char *chunk = g_strdup_printf(
            "local t = {} for i = 1, %d do t[i] = i * 7919 %% 31 end table.sort(t)\n"
            "return table.concat(t, ',')",
            count);

        oracle_same(chunk);
    }
}
END_TEST

static void
check_ours(const char *chunk, const char *expected)
{
    g_autofree char *got = oracle_run(oracle_ours, chunk);

    ck_assert_msg(strcmp(got, expected) == 0, "%s\n  expected: %s\n  got:      %s", chunk, expected,
                  got);
}

START_TEST(test_sort_keeps_equal_elements_in_order)
{
    check_ours("local t = {}\n"
               "for i = 1, 500 do t[i] = { key = i * 7919 % 7, place = i } end\n"
               "table.sort(t, function(a, b) return a.key < b.key end)\n"
               "for i = 2, #t do\n"
               "  local a, b = t[i - 1], t[i]\n"
               "  assert(a.key < b.key or a.key == b.key and a.place < b.place)\n"
               "end\n"
               "return #t",
               "500");
}
END_TEST

START_TEST(test_sort_ends_whatever_the_order_function_answers)
{
    /* n log2 n comparisons at most: 1,000 elements, fewer than 10,000. */
    check_ours("local orders = {\n"
               "  function() return true end,\n"
               "  function() return false end,\n"
               "  function(a, b) return (a * 31 + b * 17) % 3 == 0 end,\n"
               "  function(a, b) return a <= b end,\n"
               "}\n"
               "local calls, kept = 0, 0\n"
               "local most = 0\n"
               "for _, order in ipairs(orders) do\n"
               "  local t, seen = {}, {}\n"
               "  for i = 1, 1000 do t[i] = i * 7919 % 1009 end\n"
               "  calls = 0\n"
               "  table.sort(t, function(a, b) calls = calls + 1 return order(a, b) end)\n"
               "  for i = 1, 1000 do seen[t[i]] = true end\n"
               "  for i = 1, 1000 do kept = kept + (seen[i * 7919 % 1009] and 1 or 0) end\n"
               "  most = math.max(most, calls)\n"
               "end\n"
               "return kept, most < 10000",
               "4000, true");
}
END_TEST

START_TEST(test_an_order_function_that_raises_leaves_the_list_alone)
{
    check_ours("local t = {} for i = 1, 100 do t[i] = i * 37 % 101 end\n"
               "local before, calls = table.concat(t, ','), 0\n"
               "local ok = pcall(table.sort, t, function(a, b)\n"
               "  calls = calls + 1\n"
               "  if calls == 300 then error('enough') end\n"
               "  return a < b\n"
               "end)\n"
               "return ok, table.concat(t, ',') == before",
               "false, true");
}
END_TEST

/* ---- what it costs ---- */

/*
 * With `big` of 800,000 bytes, `text` of 100,000 two-byte characters and `list` of 100,000 numbers
 * at hand, each chunk does a hundred thousand steps of work, more or less.
 */
static const char *const proportional[] = {
    "big:rep(1)",
    "('x'):rep(800000)",
    "('x'):rep(200000, 'yyy')",
    "big:reverse()",
    "big:upper()",
    "big:lower()",
    "big:sub(2)",
    "big:byte(1, 100000)",
    "string.char(table.unpack(bytes))",
    "('%s'):format(big)",
    "('%.1s'):format(big)",
    "('%q'):format(big)",
    "string.pack('z', big)",
    "string.pack('c800000', '')",
    "string.packsize(('i1'):rep(400000))",
    "string.unpack('c800000', big)",
    "string.unpack(('i1'):rep(100000), big)",
    "tonumber(digits)",
    "table.concat(list)",
    "table.concat({ big, big }, ',')",
    "table.concat({ 1, 2 }, big)",
    "table.insert(list, 1, 0)",
    "table.remove(list, 1)",
    "table.move(list, 1, 100000, 2)",
    "table.unpack(list)",
    "table.pack(table.unpack(list))",
    "table.sort(list)",
    "utf8.len(big)",
    "utf8.codepoint(text, 1, 100000)",
    "utf8.char(table.unpack(list))",
    "utf8.offset(text, 90000)",
    "utf8.offset(text, -90000)",
    "utf8.offset(continued, 0, 790000)",
    "utf8.codes('x')(continued, 1)",
    "for p, c in utf8.codes(text) do end",
};

START_TEST(test_charges_grow_with_the_input)
{
    static const char globals[] = "big = ('x'):rep(800000) digits = ('1'):rep(800000)\n"
                                  "text = ('\\u{e9}'):rep(100000)\n"
                                  "continued = 'a' .. ('\\x80'):rep(800000)\n"
                                  "list = {} for i = 1, 100000 do list[i] = i end\n"
                                  "bytes = {} for i = 1, 100000 do bytes[i] = 65 end";
    const char *chunk = proportional[_i];

    ck_assert_int_eq(luaL_dostring(oracle_ours, globals), LUA_OK);
    oracle_set_budget(UINT64_MAX);

    g_autofree char *got = oracle_run(oracle_ours, chunk);
    uint64_t charged = oracle_charged();

    ck_assert_str_eq(got, "");
    /* utf8.offset passes over two bytes at a time, eight bytes a step. */
    ck_assert_msg(charged >= (strstr(chunk, "utf8.offset(text") != NULL ? 22000 : 98000) &&
                      charged <= 500000,
                  "%s: %u steps", chunk, (unsigned)charged);
}
END_TEST

START_TEST(test_small_calls_are_cheap)
{
    static const char *const chunks[] = {
        "('ab'):rep(3)",
        "('ab'):upper()",
        "('abc'):sub(2)",
        "('abc'):byte()",
        "string.char(65)",
        "('%d %s'):format(1, 'x')",
        "string.pack('<i4', 1)",
        "string.unpack('<i2', 'ab')",
        "tonumber('12')",
        "table.concat({ 'a', 'b' }, ',')",
        "table.insert({}, 1)",
        "table.remove({ 1 })",
        "table.unpack({ 1, 2 })",
        "table.pack(1, 2)",
        "table.move({ 1 }, 1, 1, 2)",
        "table.sort({ 2, 1 })",
        "utf8.len('ab')",
        "utf8.codepoint('ab')",
        "utf8.char(65)",
        "utf8.offset('ab', 2)",
        "for p, c in utf8.codes('a') do end",
        /* Only what is asked for counts, not all of a long string. */
        "('abc'):byte(2, 3)",
        "utf8.codepoint(big, 5)",
        "utf8.offset(big, 1, 5)",
        "utf8.len(big, 1, 9)",
        "big:sub(5, 9)",
        "big:byte(9)",
        "string.unpack('i4', big, 50)",
    };

    ck_assert_int_eq(luaL_dostring(oracle_ours, "big = ('x'):rep(800000)"), LUA_OK);
    for (size_t i = 0; i < G_N_ELEMENTS(chunks); i++) {
        oracle_set_budget(UINT64_MAX);

        g_autofree char *got = oracle_run(oracle_ours, chunks[i]);

        ck_assert_msg(oracle_charged() > 0 && oracle_charged() <= 20, "%s: %u steps, %s", chunks[i],
                      (unsigned)oracle_charged(), got);
    }
}
END_TEST

static const char *const endless[] = {
    "while true do (''):rep(1e18) end",
    "while true do (''):rep(1e18, '') end",
    "while true do (''):rep('1000000000000000000') end",
    "while true do table.insert({}, 1) end",
    "while true do table.remove({}) end",
    "while true do table.concat({}) end",
    "while true do table.unpack({}) end",
    "while true do table.sort({}) end",
    "while true do pcall(table.concat, { 'a', 'b', {} }) end",
    "table.move({}, 1, 1e18, 2)",
    "table.move({}, -1e18, 1e18, 2)",
    "table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 0)",
    "table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)",
    "table.sort(setmetatable({}, { __len = function() return 1 << 30 end,\n"
    "  __index = function() return 1 end }))",
    /* A length that changes its mind after the first time. */
    "local calls = 0\n"
    "table.insert(setmetatable({}, { __len = function()\n"
    "  calls = calls + 1\n"
    "  return calls == 1 and 1 << 60 or 1\n"
    "end }), 1, 0)",
    /* Metamethods that are C functions run no instruction of Lua. */
    "table.concat(setmetatable({}, { __index = table.concat }), '', 1, 1e18)",
    "local s = ('a'):rep(999999) while true do pcall(utf8.codepoint, s .. '\\xff', 1, -1) end",
    "local t = {} for i = 1, 9999 do t[i] = 'a' end t[10000] = {}\n"
    "while true do pcall(table.concat, t) end",
    "local s = '\\0\\0\\0\\0' .. ('a'):rep(1e6) while true do pcall(string.unpack, 'i4z', s) end",
    "local s = ('a'):rep(1e6) while true do pcall(utf8.len, s) end",
    "local t = {} for i = 1, 30000 do t[i] = i * 7919 % 30011 end\n"
    "while true do table.sort(t, function() return true end) end",
    "local s = ('x'):rep(1e6) local t = { s .. 'b', s .. 'a', s .. 'c' }\n"
    "while true do table.sort(t) t[1], t[2] = t[2], t[1] end",
};

START_TEST(test_whatever_takes_long_ends_with_the_budget)
{
    oracle_set_budget(2000000);

    g_autofree char *got = oracle_run(oracle_ours, endless[_i]);

    ck_assert_msg(strcmp(got, "error: \"" ORACLE_ENDED "\"") == 0, "%s\n  got: %s", endless[_i],
                  got);
}
END_TEST

/* ---- memory ---- */

static size_t memory_used;

static void *
allocate_at_most(void *user_data, void *block, size_t old_size, size_t new_size)
{
    size_t old = block != NULL ? old_size : 0;

    (void)user_data;
    if (new_size > old && memory_used + (new_size - old) > 64 << 20)
        return NULL;
    memory_used += new_size - old;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

/* Too long a string is a matter of memory, said at once, and not of time. */
START_TEST(test_rep_beyond_memory_is_refused_by_memory)
{
    lua_State *L = lua_newstate(allocate_at_most, NULL);

    luaL_openlibs(L);
    ddp_charges_open(L);
    oracle_set_budget(1000);

    g_autofree char *long_one = oracle_run(L, "return ('x'):rep(1 << 30)");
    g_autofree char *separated = oracle_run(L, "return ('xyz'):rep(1 << 28, ',')");
    g_autofree char *beyond = oracle_run(L, "return ('x'):rep(1 << 40)");

    ck_assert_str_eq(long_one, "error: \"not enough memory\"");
    ck_assert_str_eq(separated, "error: \"not enough memory\"");
    ck_assert_str_eq(beyond, "error: \"case:1: resulting string too large\"");
    ck_assert_uint_lt(oracle_charged(), 100);
    lua_close(L);
    ck_assert_uint_eq(memory_used, 0);
}
END_TEST

/* ---- beside other replacements ---- */

static int
format_with_upvalue(lua_State *L)
{
    lua_pushfstring(L, "%s:%s", lua_tostring(L, lua_upvalueindex(1)), luaL_checkstring(L, 1));
    return 1;
}

START_TEST(test_functions_that_were_replaced_before_are_charged_and_called)
{
    lua_State *L = luaL_newstate();

    luaL_openlibs(L);
    lua_getglobal(L, "string");
    lua_pushliteral(L, "mine");
    lua_pushcclosure(L, format_with_upvalue, 1);
    lua_setfield(L, -2, "format");
    lua_pushnil(L);
    lua_setfield(L, -2, "pack");
    lua_pop(L, 1);
    ck_assert_int_eq(luaL_dostring(L, "function string.upper(s) return s .. '!' end"), LUA_OK);
    ddp_charges_open(L);
    ck_assert_int_eq(lua_gettop(L), 0);
    oracle_set_budget(UINT64_MAX);

    g_autofree char *got =
        oracle_run(L, "return ('x'):format(1), ('up'):upper(), string.pack, ('x'):rep(2)");

    ck_assert_str_eq(got, "\"mine:x\", \"up!\", nil, \"xx\"");
    ck_assert_uint_ge(oracle_charged(), 3);
    lua_close(L);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("script_charges");
    TCase *stock = tcase_create("as stock Lua");
    TCase *sort = tcase_create("sort");
    TCase *cost = tcase_create("cost");

    tcase_add_checked_fixture(stock, oracle_setup, oracle_teardown);
    tcase_add_test(stock, test_string_functions_do_what_stock_does);
    tcase_add_test(stock, test_utf8_functions_do_what_stock_does);
    tcase_add_test(stock, test_table_functions_do_what_stock_does);
    tcase_add_test(stock, test_metamethods_are_asked_in_the_same_order);
    tcase_add_test(stock, test_remove_names_the_position_that_is_out_of_bounds);
    tcase_add_loop_test(stock, test_random_table_calls_do_what_stock_does, 0, 8);
    suite_add_tcase(suite, stock);

    tcase_add_checked_fixture(sort, oracle_setup, oracle_teardown);
    tcase_add_test(sort, test_sort_orders_as_stock_does);
    tcase_add_test(sort, test_sort_keeps_equal_elements_in_order);
    tcase_add_test(sort, test_sort_ends_whatever_the_order_function_answers);
    tcase_add_test(sort, test_an_order_function_that_raises_leaves_the_list_alone);
    suite_add_tcase(suite, sort);

    tcase_add_checked_fixture(cost, oracle_setup, oracle_teardown);
    tcase_add_loop_test(cost, test_charges_grow_with_the_input, 0, G_N_ELEMENTS(proportional));
    tcase_add_test(cost, test_small_calls_are_cheap);
    tcase_add_loop_test(cost, test_whatever_takes_long_ends_with_the_budget, 0,
                        G_N_ELEMENTS(endless));
    tcase_add_test(cost, test_rep_beyond_memory_is_refused_by_memory);
    tcase_add_test(cost, test_functions_that_were_replaced_before_are_charged_and_called);
    suite_add_tcase(suite, cost);

    return ddp_test_main(suite);
}
