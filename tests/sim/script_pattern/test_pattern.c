/* SPDX-License-Identifier: MIT */
#include "sim/script/pattern.h"
#include "tests/sim/script_pattern/oracle.h"
#include "tests/testutil.h"

#include <pthread.h>
#include <string.h>

/*
 * What our patterns must do is what Lua's own do. So almost every test runs the same chunk in
 * stock Lua and in ours and compares all results, or the whole error message with its place.
 */
static void
same_all(const char *const *chunks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        oracle_same(chunks[i]);
}

START_TEST(test_every_class_holds_the_same_bytes)
{
    /* All 256 letters behind a '%', alone, in a set and in a complement, against all bytes. */
    oracle_same("local out = {}\n"
                "for letter = 0, 255 do for byte = 0, 255 do\n"
                "  local l, s = string.char(letter), string.char(byte)\n"
                "  for _, p in ipairs{ '%' .. l, '[%' .. l .. ']', '[^%' .. l .. ']' } do\n"
                "    local ok, at = pcall(string.find, s, p)\n"
                "    out[#out + 1] = ok and (at and '1' or '0') or at\n"
                "  end\n"
                "end end\n"
                "return table.concat(out, ' ')");
}
END_TEST

START_TEST(test_sets)
{
    static const char *const chunks[] = {
        "return ('a]b'):find('[]]')",
        "return ('a]b'):find('[^]]+')",
        "return ('a-b'):find('[a-]+')",
        "return ('a-b'):find('[-a]+')",
        "return ('a%b'):find('[a%%]+')",
        "return ('x%z'):find('[a-%z]+')",
        "return ('x%z%]'):find('[a-%%]+')",
        "return ('x%z%]'):find('[a-%]]+')",
        "return ('0123'):find('[1-2]+')",
        "return ('0123'):find('[2-1]+')",
        "return ('a^b'):find('[b^]+')",
        "return ('a^b'):find('[^^]+')",
        "return ('a.b*'):find('[.*]+')",
        "return ('a_b9 '):match('[%w_]+')",
        "return ('a_b9 '):match('[^%w]')",
        "return ('a_b9 '):match('[^%W]+')",
        "return ('a_b9 '):match('[%W%d]+')",
        "return ('\\0\\1\\255'):find('[\\0-\\1]+')",
        "return ('\\0\\1\\255'):find('[\\128-\\255]+')",
        "return ('\\0\\1\\255'):find('[^\\0]+')",
        "return ('\\xc3\\xa9t'):find('[\\xc3\\xa9]+')",
        "return ('a[b'):find('[[]')",
        "return ('a[:alpha:]'):find('[:alpha:]+')",
        "return ('abc'):find('[')",
        "return ('abc'):find('[^')",
        "return ('abc'):find('[]')",
        "return ('abc'):find('[^]')",
        "return ('abc'):find('[%')",
        "return ('abc'):find('[%]')",
        "return ('abc'):find('[a')",
        "return ('abc'):find('[a%')",
        "return ('abc'):find('[a-')",
        "return ('abc'):find('[a-]')",
        "return ('abc'):find('x[')",
        "return ('abc'):find('a[')",
        "return ('abc'):find('z[a')",
        "local set = {} for i = 0, 255 do set[#set + 1] = string.char(i) end\n"
        "local all, out = table.concat(set), {}\n"
        "for i = 0, 255, 7 do for j = 0, 255, 5 do\n"
        "  local low, high = string.char(i), string.char(j)\n"
        "  if low:find('[%w\\0]') and high:find('[%w\\255]') then\n"
        "    out[#out + 1] = all:gsub('[^' .. low .. '-' .. high .. ']', '')\n"
        "  end\n"
        "end end\n"
        "return table.concat(out, ',')",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

START_TEST(test_quantifiers_and_anchors)
{
    static const char *const chunks[] = {
        "return ('aaab'):match('a*')",
        "return ('aaab'):match('a+')",
        "return ('aaab'):match('a-')",
        "return ('aaab'):match('a-b')",
        "return ('aaab'):match('a?')",
        "return ('aaab'):match('a?a?a?a?b')",
        "return ('aaab'):match('.-b')",
        "return ('aaab'):match('.*b')",
        "return ('aaab'):match('.*c')",
        "return ('aaab'):find('b*')",
        "return ('aaab'):find('b+')",
        "return ('aaab'):find('b*$')",
        "return ('aaab'):find('^b')",
        "return ('aaab'):find('^a-b$')",
        "return ('a$b'):find('a$b')",
        "return ('a$b'):find('$')",
        "return ('a$b$'):find('$$')",
        "return ('a$$'):find('$*')",
        "return ('a$$'):find('a$*$')",
        "return ('^a'):find('^^a')",
        "return ('a^'):find('a^')",
        "return ('*a'):find('^*')",
        "return ('a*?+-'):find('a*?')",
        "return ('a**'):find('a**')",
        "return ('a++'):find('a++')",
        "return ('a--'):find('a--')",
        "return ('a?' .. '?'):find('a?' .. '?')",
        "return ('+'):find('+')",
        "return ('a'):find('*')",
        "return (''):find('')",
        "return (''):find('^')",
        "return (''):find('$')",
        "return (''):find('^$')",
        "return (''):find('.')",
        "return (''):find('.*')",
        "return ('abc'):find('')",
        "return ('abc'):find('', 4)",
        "return ('abc'):find('', 5)",
        "return ('abc'):find('$', 4)",
        "return ('abc'):find('^c', 3)",
        "return ('  trim  '):match('^%s*(.-)%s*$')",
        "return ('2024-01-02'):match('(%d+)-(%d+)-(%d+)')",
        "return ('a.b.c'):match('^(.*)%.(.*)$')",
        "return ('a.b.c'):match('^(.-)%.(.*)$')",
        "return ('key = value'):match('^(%w+)%s*=%s*(%w+)$')",
        "return ('x\\0y'):find('%z')",
        "return ('x\\0y'):find('\\0')",
        "return ('x\\0y'):match('x.y')",
        "return ('x\\0y\\0'):gsub('\\0', '0')",
        "return (123456):find('4')",
        "return ('123'):find(2)",
        "return ('a1.5b'):find(1.5)",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

START_TEST(test_captures)
{
    static const char *const chunks[] = {
        "return ('hello'):match('()ll()')",
        "return ('hello'):match('(h)(e)(l)(l)(o)')",
        "return ('hello'):match('((h)(e(l))l)o')",
        "return ('hello'):find('(l)(l)')",
        "return ('hello'):match('()')",
        "return ('hello'):match('()$')",
        "return ('hello'):match('(.-)l()')",
        "return ('hello'):match('(x?)')",
        "return ('abab'):match('(ab)%1')",
        "return ('abcab'):match('(ab)c%1')",
        "return ('abcba'):match('(a)(b)c%2%1')",
        "return ('\"it\\'s\"'):match('([\"\\'])(.-)%1')",
        "return ('aa'):match('(a*)%1')",
        "return ('aaa'):match('^(a-)%1a$')",
        "return ('xx'):match('()%1')",
        "return ('xx'):match('(x)()%2')",
        "return ('a'):match('%1')",
        "return ('a'):match('(a%1)')",
        "return ('a'):match('(a)%2')",
        "return ('a'):match('%0')",
        "return ('b'):match('a%0')",
        "return ('a0'):match('(a)%10')",
        "return ('a*'):match('(a)*')",
        "return ('aa*'):match('(a)%1*')",
        "return ('a)'):find(')')",
        "return ('a)'):find('a)')",
        "return ('b)'):find('a)')",
        "return ('a'):find('(a')",
        "return ('b'):find('(a')",
        "return ('a'):match('(a')",
        "return ('a'):match('((a)')",
        "return ('a'):match('(a))')",
        "return ('a'):gsub('(a', '')",
        "return ('a'):gsub('(a', '%1')",
        "return ('a'):gsub('(a', {})",
        "return ('a'):gsub('(a', print)",
        "return ('a'):gsub('b(a)', '%2')",
        "for k in ('a'):gmatch('(a') do end",
        "return ('x'):rep(40):match(('(x)'):rep(32))",
        "return ('x'):rep(40):match(('(x)'):rep(33))",
        "return ('y'):rep(40):match(('(x)'):rep(33))",
        "return ('x'):rep(40):match(('()'):rep(32))",
        "return ('x'):rep(40):match(('()'):rep(33))",
        "return ('x'):rep(40):match(('('):rep(33))",
        "return ('x'):rep(40):match(('('):rep(32) .. 'x' .. (')'):rep(32))",
        "return ('x'):rep(40):match(('('):rep(32) .. 'x' .. (')'):rep(33))",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

START_TEST(test_balance_and_frontier)
{
    static const char *const chunks[] = {
        "return ('f(a(b)c)d'):match('%b()')",
        "return ('f(a(b c'):match('%b()')",
        "return ('f(a(b)c'):match('%b()')",
        "return ('))(('):match('%b()')",
        "return ('()'):match('%b()')",
        "return ('('):match('%b()')",
        "return ('axxb'):match('%bxx')",
        "return ('axxxb'):match('%bxx')",
        "return ('ax'):match('%bxx')",
        "return ('begin a end'):match('%bbd')",
        "return (''):match('%b\\0\\0')",
        "return ('\\0\\0'):match('%b\\0\\0')",
        "return ('()()'):match('%b()*')",
        "return ('()*'):match('%b()*')",
        "return ('f(1)'):gsub('%b()', '[%0]')",
        "return ('x'):find('%b')",
        "return ('x'):find('%bx')",
        "return ('x'):find('y%b')",
        "return ('x'):find('x%bx')",
        "return ('THE (quick) fox'):find('%f[%a]%a+%f[%A]')",
        "return ('THE (quick) fox'):gsub('%f[%a]%a+%f[%A]', '<%0>')",
        "return ('THE'):find('%f[%z]')",
        "return ('THE'):find('%f[%Z]')",
        "return ('THE'):find('%f[\\0]')",
        "return ('THE'):find('H%f[E]')",
        "return ('THE'):find('%f[H]H', 2)",
        "return (''):find('%f[%z]')",
        "return ('a*'):find('%f[a]a%f[*]*')",
        "return ('aab'):gsub('%f[^a]', '|')",
        "return ('x'):find('%f')",
        "return ('x'):find('%fx')",
        "return ('x'):find('%f[x')",
        "return ('x'):find('y%f')",
        "return ('x'):find('x%f')",
        "return ('x'):find('%')",
        "return ('x'):find('x%')",
        "return ('x'):find('y%')",
        "return ('%'):find('%%')",
        "return ('%%'):find('%%%')",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

START_TEST(test_init_counts_from_either_end)
{
    oracle_same("local out = {}\n"
                "for _, s in ipairs{ '', 'a', 'abcabc' } do\n"
                "  for _, p in ipairs{ '', 'a', 'bc', '^b', '.', 'c$', '()' } do\n"
                "    for _, init in ipairs{ -9, -7, -6, -3, -1, 0, 1, 2, 4, 6, 7, 8, 99,\n"
                "                           math.maxinteger, math.mininteger, 2.0, '3' } do\n"
                "      for _, plain in ipairs{ false, true } do\n"
                "        local a, b = s:find(p, init, plain)\n"
                "        out[#out + 1] = tostring(a) .. ',' .. tostring(b)\n"
                "      end\n"
                "      out[#out + 1] = tostring(s:match(p, init))\n"
                "      for m in s:gmatch(p, init) do out[#out + 1] = '<' .. m .. '>' end\n"
                "    end\n"
                "  end\n"
                "end\n"
                "return table.concat(out, ' ')");
}
END_TEST

START_TEST(test_plain_find_takes_every_character_as_it_is)
{
    static const char *const chunks[] = {
        "return ('a.b*c'):find('.b*', 1, true)",
        "return ('a%db'):find('%d', 1, true)",
        "return ('abc'):find('', 2, true)",
        "return ('abc'):find('', 4, true)",
        "return ('abc'):find('abcd', 1, true)",
        "return ('aaab'):find('aab', 1, true)",
        "return ('a\\0b\\0c'):find('\\0c', 1, true)",
        "return ('a\\0b\\0c'):find('\\0c')",
        "return ('a\\0b%'):find('\\0b%')",
        "return ('abcabd'):find('abd')",
        "return ('abcabd'):find('bd', 1, 0)",
        "return ('a.b'):find('.', 1, nil)",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

START_TEST(test_gsub_replacements)
{
    static const char *const chunks[] = {
        "return ('hello world'):gsub('o', '0')",
        "return ('hello world'):gsub('o', '0', 1)",
        "return ('hello world'):gsub('o', '0', 0)",
        "return ('hello world'):gsub('o', '0', -1)",
        "return ('hello world'):gsub('o', '0', '1')",
        "return ('hello world'):gsub('(w)(o)', '%2%1')",
        "return ('hello world'):gsub('%w+', '%0 %0')",
        "return ('hello world'):gsub('%w+', '%1 %1')",
        "return ('hello'):gsub('', '-')",
        "return ('hello'):gsub('', '-', 3)",
        "return ('hello'):gsub('l*', '-')",
        "return ('hello'):gsub('x*', '-')",
        "return ('hello'):gsub('^h', '-')",
        "return ('hhh'):gsub('^h', '-')",
        "return ('hello'):gsub('^', '-')",
        "return ('hello'):gsub('$', '-')",
        "return ('hello'):gsub('.$', '-')",
        "return ('hello'):gsub('()', '%1')",
        "return ('hello'):gsub('()l()', '%2%1')",
        "return ('hello'):gsub('l', '%%')",
        "return ('hello'):gsub('l', '%')",
        "return ('hello'):gsub('l', '%x')",
        "return ('hello'):gsub('l', 'a%')",
        "return ('hello'):gsub('l', '%2')",
        "return ('hello'):gsub('(l)', '%2')",
        "return ('hello'):gsub('(l)', '%9')",
        "return ('hello'):gsub('z', '%2')",
        "return ('hello'):gsub('l', '\\0%0\\0')",
        "return ('hello'):gsub('l', 5)",
        "return ('hello'):gsub('l', 5.5)",
        "return ('hello'):gsub('l', { l = 'L' })",
        "return ('hello'):gsub('.', { h = 1, e = 2.5, l = false, o = 'O' })",
        "return ('hello'):gsub('(h)(e)', { h = 'H', e = 'E' })",
        "return ('hello'):gsub('()', { 'a', 'b' })",
        "return ('hello'):gsub('l', { l = true })",
        "return ('hello'):gsub('l', { l = {} })",
        "return ('hello'):gsub('l', setmetatable({}, { __index = function(_, k) return k .. k end "
        "}))",
        "return ('hello'):gsub('l', function() end)",
        "return ('hello'):gsub('l', function() return nil end)",
        "return ('hello'):gsub('l', function() return false end)",
        "return ('hello'):gsub('l', function() return 'x', 'y' end)",
        "return ('hello'):gsub('l', function() return 7 end)",
        "return ('hello'):gsub('l', function() return true end)",
        "return ('hello'):gsub('l', function() return {} end)",
        "return ('hello'):gsub('l', function() return print end)",
        "return ('hello'):gsub('()(l)(l)', function(a, b, c) return a .. b .. c end)",
        "return ('hello'):gsub('l', function(...) return select('#', ...) end)",
        "return ('hello'):gsub('(l)()', function(...) return select('#', ...) end)",
        "return ('hello'):gsub('l', function() error('mine') end)",
        "return ('hello'):gsub('l', function() error({}) end)",
        "return ('hello'):gsub('l', string.upper)",
        "return ('abc'):gsub('%w', '%%%0%%')",
        "return ('abc'):gsub('(a)(b)(c)', '%3%2%1%0')",
        "return ('abc def'):gsub('%f[%w]%w', string.upper)",
        "return (123):gsub('2', 'x')",
        "return ('x'):rep(3000):gsub('x', 'yy')",
        "return ('x'):rep(3000):gsub('x', { x = ('y'):rep(20) })",
        "return ('x y'):rep(900):gsub('%s', function(s) return s:gsub(' ', '__') end)",
        "local n = 0\n"
        "return ('a b c'):gsub('%a', function(c) n = n + 1 return n .. c:gsub('b', '%0%0') end)",
        "return coroutine.wrap(function()\n"
        "  return pcall(string.gsub, 'a', 'a', function() coroutine.yield(1) end)\n"
        "end)()",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

START_TEST(test_gmatch_walks)
{
    static const char *const prelude = "local out = {}\n"
                                       "local function walk(...)\n"
                                       "  for a, b, c in string.gmatch(...) do\n"
                                       "    out[#out + 1] = tostring(a) .. ',' .. tostring(b)\n"
                                       "      .. ',' .. tostring(c)\n"
                                       "  end\n"
                                       "  return table.concat(out, ' ')\n"
                                       "end\n";
    static const char *const chunks[] = {
        "return walk('one two', '%w+')",
        "return walk('k=v, x=y', '(%w+)=(%w+)')",
        "return walk('abc', '')",
        "return walk('abc', '()')",
        "return walk('abc', 'b*')",
        "return walk('a^a', '^a')",
        "return walk('^^a', '^*')",
        "return walk('abc', '.', 2)",
        "return walk('abc', '.', -1)",
        "return walk('abc', '.', 4)",
        "return walk('abc', '', 4)",
        "return walk('abc', '', 5)",
        "return walk('abc', '%f[%w]()')",
        "return walk('a(b)c(d)', '%b()')",
        "return walk(121, 1)",
        "return walk('abc', 'a', 'x')",
        "return walk('abc', '[')",
        "return walk('abc', '%1')",
        "return walk('x', ('x?'):rep(90))",
        /* The iterator goes on after its end and takes part in several coroutines. */
        "local next = ('a b c'):gmatch('%a')\n"
        "local one = coroutine.wrap(function() return next() end)()\n"
        "local two = next()\n"
        "return one, two, coroutine.wrap(next)(), next(), next()",
        /* It keeps its strings alive. */
        "local next = (('ab '):rep(50)):gmatch(('a'):rep(1) .. 'b')\n"
        "local count = 0\n"
        "while next() do collectgarbage() count = count + 1 end\n"
        "return count",
        "local next = (('ab '):rep(50)):gmatch(('a?'):rep(50) .. 'b')\n"
        "local count = 0\n"
        "while next() do collectgarbage() count = count + 1 end\n"
        "return count",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(chunks); i++) {
        g_autofree char *chunk = g_strconcat(prelude, chunks[i], NULL);

        oracle_same(chunk);
    }
}
END_TEST

START_TEST(test_wrong_arguments_get_the_same_words)
{
    static const char *const chunks[] = {
        "string.find()",
        "string.find('a')",
        "string.find({}, 'a')",
        "string.find('a', {})",
        "string.find('a', 'a', 'x')",
        "string.find('a', 'a', 1.5)",
        "string.match('a')",
        "string.match('a', nil)",
        "string.match('a', 'a', {})",
        "string.gmatch('a')",
        "string.gmatch('a', 'a', {})",
        "string.gsub('a')",
        "string.gsub('a', 'a')",
        "string.gsub('a', 'a', nil)",
        "string.gsub('a', 'a', true)",
        "string.gsub('a', 'a', true, 'x')",
        "string.gsub('a', 'a', 'x', 'x')",
        "string.gsub('a', 'a', 'x', 1.5)",
        "local s = 'a' s:find()",
        "local s = 'a' s:gsub('a')",
        "local s = 'a' s:gsub('a', true)",
        "local f = string.find f()",
        "\n\nlocal function check() string.find('a', '[a') end\n\ncheck()",
        "\nreturn ('a'):gsub('a',\n'%x')",
        "for w in\n('a'):gmatch('a(') do\nend",
        "return pcall(string.find, 'a', '%')",
        "return pcall(string.gsub, 'a', 'a', function() return {} end)",
        "return select('#', string.find('a', 'b')), select('#', string.match('a', 'b'))",
        "return select('#', (string.gmatch('a', 'b'))())",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
}
END_TEST

/*
 * The stock matcher gives up at a depth of its recursion; ours has none and counts along. Heads
 * that go deep and come back again check that the count comes back as well. Every match succeeds
 * at once or is too complex: the stock matcher would not live to see another.
 */
START_TEST(test_a_pattern_is_too_complex_at_the_same_depth)
{
    oracle_same("local out = {}\n"
                "local heads = { '', '', 'a?a?a?aaaa', 'aaaaa', 'a*aa', 'aaaa', 'a+aa', 'aaaa',\n"
                "  'a+aaa', 'aaaa', 'a*c', 'c', 'a-c', 'aaac', '(a*)a', 'aaa', '(a-)c', 'aac',\n"
                "  '.-c', 'c', '()a?a', 'a', '(a)%1', 'aa', '%f[a]a', 'a', '%b()', '()',\n"
                "  '((a)())', 'a', 'a?c?', 'c', '[ab]-c', 'abc', '.*(c)', 'aacaa' }\n"
                "local items = { 'b?', 'b', 'b+d+', 'bd', 'b*d*', 'bd', 'b-d-', 'bd', 'b*', 'b',\n"
                "  'b-', 'b', 'b-x?', 'bb', 'b?x-', 'b', 'b', 'b', '.?', 'b', '[b]+d-', 'bd' }\n"
                "for h = 1, #heads, 2 do for i = 1, #items, 2 do for n = 90, 205 do\n"
                "  local p = '^' .. heads[h] .. items[i]:rep(n)\n"
                "  local s = heads[h + 1] .. items[i + 1]:rep(n)\n"
                "  out[#out + 1] = p:sub(1, 9) .. n .. ':'\n"
                "  local ok, from, to = pcall(string.find, s, p)\n"
                "  out[#out + 1] = tostring(from) .. ' ' .. tostring(to)\n"
                "end end end\n"
                "local all = table.concat(out, '\\n')\n"
                "assert(all:find('too complex'))\n"
                "return all");
}
END_TEST

/* ---- the budget ---- */

static const char *const endless[] = {
    "return string.find(('a'):rep(40), ('a*'):rep(30) .. 'b')",
    "return string.find(('a'):rep(40), '^' .. ('a+'):rep(30) .. 'b')",
    "return string.match(('a'):rep(60), ('a-'):rep(30) .. 'b')",
    "return string.match(('a'):rep(60), ('a?'):rep(60) .. ('a'):rep(60) .. 'b')",
    "return string.match(('a'):rep(60), ('(a*)'):rep(30) .. 'b')",
    "return string.match(('ab'):rep(60), ('[ab]*'):rep(30) .. 'c')",
    "return string.match(('ab'):rep(60), ('.-'):rep(30) .. 'c')",
    "return string.match(('a'):rep(60), ('(a*)%1'):rep(15) .. 'b')",
    "return string.match(('a'):rep(60), ('a*'):rep(30) .. '%b()')",
    "return string.match(('a'):rep(60), ('a*'):rep(30) .. '$.')",
    "return string.gsub(('a'):rep(40), ('a*'):rep(30) .. 'b', 'x')",
    "return string.gsub(('a'):rep(40), ('a*'):rep(30) .. 'b', print)",
    "for w in string.gmatch(('a'):rep(40), ('a*'):rep(30) .. 'b') do end",
    /* Not exponential, but far more work than instructions. */
    "return string.find(('('):rep(2e5), '%b()')",
    "return string.find(('x'):rep(1e5), '.-y')",
    "return string.find(('x'):rep(1e5), 'x*y')",
    "return string.find(('x'):rep(1e5), '[xz]*y')",
    "return string.find(('x'):rep(1e5), '(.*)%1y')",
    "return string.find(('a'):rep(1e6), ('a'):rep(5e5) .. 'b', 1, true)",
    "return string.find(('a'):rep(1e6), ('a'):rep(5e5) .. 'b')",
    "return string.gsub(('a'):rep(1e5), '', ('%0'):rep(1000))",
    "return string.gsub(('a'):rep(1e5), '^.*$', ('%0'):rep(1000))",
    "local s = ('a'):rep(1e6) while true do local a = s:find('b', 1, true) end",
    "local s = ('a'):rep(1e6) while true do local a = s:match('b') end",
    "local s = ('a'):rep(1e6) while true do local a = s:match('(((((((.*)))))))') end",
    "local s = ('a'):rep(1e6) while true do local a = s:gsub('b', '') end",
    "local p = ('b'):rep(1e5) while true do local a = ('a'):find(p) end",
    "local p = ('b'):rep(1e5) .. '+' while true do local a = ('a'):find(p) end",
    "local p = '[' .. ('b'):rep(1e5) .. ']' while true do local a = ('a'):find(p) end",
    "while true do string.find('', '') end",
    "while true do string.match('', '') end",
    "while true do string.gmatch('', '') end",
    "while true do string.gsub('', 'x', '') end",
    "while true do string.gsub('', 'x', print) end",
    "local next = string.gmatch('', 'x') while true do next() end",
};

START_TEST(test_whatever_takes_long_ends_with_the_budget)
{
    oracle_set_budget(2000000);

    g_autofree char *got = oracle_run(oracle_ours, endless[_i]);

    ck_assert_msg(strcmp(got, "error: \"" ORACLE_ENDED "\"") == 0, "%s\n  got: %s", endless[_i],
                  got);
    /* What runs past the budget is at most one batch, or one string that had to be read. */
    ck_assert_uint_lt(oracle_charged(), 2200000);
}
END_TEST

/* Steps that end in an error which the scenario catches are charged too. */
START_TEST(test_an_error_does_not_make_work_free)
{
    static const char *const chunks[] = {
        "for i = 1, 50 do pcall(string.find, ('a'):rep(300) .. 'b', '.-b[') end",
        "for i = 1, 50 do pcall(string.match, ('a'):rep(300), ('a?'):rep(210)) end",
        "for i = 1, 50 do pcall(string.gsub, ('a'):rep(300), '.-$', '%9') end",
        "for i = 1, 50 do pcall(string.gsub, ('a'):rep(300), '.-$', '%x') end",
        "for i = 1, 50 do pcall(string.gsub, ('a'):rep(300), '.-$', error) end",
        "for i = 1, 50 do pcall(string.match, ('a'):rep(300), '(.-$') end",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(chunks); i++) {
        oracle_set_budget(UINT64_MAX);

        g_autofree char *got = oracle_run(oracle_ours, chunks[i]);

        ck_assert_str_eq(got, "");
        ck_assert_msg(oracle_charged() >= UINT64_C(50) * 200, "%s: charged only %u", chunks[i],
                      (unsigned)oracle_charged());
    }
}
END_TEST

START_TEST(test_small_calls_are_cheap)
{
    static const char *const chunks[] = {
        "return string.find('epoch 12', '%d')",
        "return string.find('epoch 12', '12', 1, true)",
        "return string.match('key=value', '(%w+)=(%w+)')",
        "return string.gsub('a b c', '%s', '')",
        "for w in string.gmatch('a b c', '%w') do end",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(chunks); i++) {
        oracle_set_budget(UINT64_MAX);

        g_autofree char *got = oracle_run(oracle_ours, chunks[i]);

        ck_assert_msg(oracle_charged() > 0 && oracle_charged() < 50, "%s: %u steps, %s", chunks[i],
                      (unsigned)oracle_charged(), got);
    }
}
END_TEST

/* ---- memory and stack ---- */

START_TEST(test_a_callback_that_raises_leaves_nothing_behind)
{
    oracle_same("local s = ('x'):rep(20000)\n"
                "local function run(n)\n"
                "  for i = 1, n do\n"
                "    local seen = 0\n"
                "    pcall(string.gsub, s, 'x', function()\n"
                "      seen = seen + 1\n"
                "      if seen == 5000 then error('enough') end\n"
                "      return 'yyyyyyyy'\n"
                "    end)\n"
                "  end\n"
                "  collectgarbage() collectgarbage()\n"
                "  return collectgarbage('count')\n"
                "end\n"
                "local first = run(3)\n"
                "return run(30) - first < 16");
}
END_TEST

/* Patterns far longer than the room on the C stack. */
START_TEST(test_long_patterns)
{
    static const char *const chunks[] = {
        "return ('ab'):rep(500):find(('ab'):rep(400))",
        "return ('ab'):rep(500):find(('[a][b]'):rep(300) .. '$')",
        "return ('ab'):rep(500):find(('%A'):rep(40) .. ('x'):rep(40))",
        "return ('ab'):rep(50):match(('%l'):rep(70) .. '(%U)')",
        "return ('ab'):rep(50):match(('%a[^%d]'):rep(30) .. '(.*)')",
        "return ('ab'):rep(50):gsub(('[ab]'):rep(20), '<%0>')",
        "return ('ab'):rep(50):gsub(('[ab]'):rep(20), { [('ab'):rep(10)] = '.' })",
        "local n = 0 for w in ('ab'):rep(50):gmatch(('[ab]'):rep(20)) do n = n + #w end return n",
    };

    same_all(chunks, G_N_ELEMENTS(chunks));
    for (int length = 55; length <= 75; length++) {
        g_autofree char *chunk =
            g_strdup_printf("return ('ab'):rep(99):find(('b'):rep(%d) .. 'a+'), "
                            "('a'):rep(99):find(('a'):rep(%d) .. '%%W?$')",
                            length, length);

        oracle_same(chunk);
    }
}
END_TEST

static void *
nest_callbacks(void *unused)
{
    static const char chunk[] = "local depth = 0\n"
                                "local function deeper()\n"
                                "  depth = depth + 1\n"
                                "  return (string.gsub('a', 'a', deeper))\n"
                                "end\n"
                                "local ok, message = pcall(deeper)\n"
                                "return ok, message, depth > 150";

    (void)unused;
    return oracle_run(oracle_ours, chunk);
}

/* A rank has a stack of about 1 MiB: Lua's own limit must come first, with room to spare. */
START_TEST(test_nested_callbacks_fit_a_small_stack)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *result;

    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 768 * 1024), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, nest_callbacks, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    pthread_attr_destroy(&attributes);

    g_autofree char *got = result;

    ck_assert_str_eq(got, "false, \"C stack overflow\", true");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("script_pattern");
    TCase *stock = tcase_create("as stock Lua");
    TCase *budget = tcase_create("budget");
    TCase *memory = tcase_create("memory");

    tcase_add_checked_fixture(stock, oracle_setup, oracle_teardown);
    tcase_add_test(stock, test_every_class_holds_the_same_bytes);
    tcase_add_test(stock, test_sets);
    tcase_add_test(stock, test_quantifiers_and_anchors);
    tcase_add_test(stock, test_captures);
    tcase_add_test(stock, test_balance_and_frontier);
    tcase_add_test(stock, test_init_counts_from_either_end);
    tcase_add_test(stock, test_plain_find_takes_every_character_as_it_is);
    tcase_add_test(stock, test_gsub_replacements);
    tcase_add_test(stock, test_gmatch_walks);
    tcase_add_test(stock, test_wrong_arguments_get_the_same_words);
    tcase_add_test(stock, test_a_pattern_is_too_complex_at_the_same_depth);
    suite_add_tcase(suite, stock);

    tcase_add_checked_fixture(budget, oracle_setup, oracle_teardown);
    tcase_add_loop_test(budget, test_whatever_takes_long_ends_with_the_budget, 0,
                        G_N_ELEMENTS(endless));
    tcase_add_test(budget, test_an_error_does_not_make_work_free);
    tcase_add_test(budget, test_small_calls_are_cheap);
    suite_add_tcase(suite, budget);

    tcase_add_checked_fixture(memory, oracle_setup, oracle_teardown);
    tcase_add_test(memory, test_a_callback_that_raises_leaves_nothing_behind);
    tcase_add_test(memory, test_long_patterns);
    tcase_add_test(memory, test_nested_callbacks_fit_a_small_stack);
    suite_add_tcase(suite, memory);

    return ddp_test_main(suite);
}
