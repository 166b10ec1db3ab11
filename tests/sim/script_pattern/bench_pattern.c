/* SPDX-License-Identifier: MIT */
/*
 * Our pattern functions and charged library functions beside the stock ones, in turns in one
 * run: the best of several rounds each, and the ratio.
 */
#include <glib.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/script/charges.h"
#include "sim/script/pattern.h"

#define ROUNDS 9

static uint64_t charged;

void
ddp_script_charge(lua_State *L, uint64_t steps)
{
    (void)L;
    charged += steps;
}

/* Each body runs `repeat` times a round, with `text` (10 kB of prose) and `pairs_text` at hand. */
static const struct {
    const char *name;
    const char *body;
    int repeat;
} cases[] = {
    {"find '%w+' 10 kB, all", "local p=1 while p do local _,e=find(text,'%w+',p) p=e and e+1 end",
     20},
    {"gmatch '%w+' 10 kB", "for w in gmatch(text,'%w+') do end", 20},
    {"gmatch '(%w+)=(%w+)' 10 kB", "for k,v in gmatch(pairs_text,'(%w+)=(%w+)') do end", 20},
    {"gsub '%w+' '<%0>' 10 kB", "gsub(text,'%w+','<%0>')", 20},
    {"gsub '(%w+)=(%w+)' '%2=%1'", "gsub(pairs_text,'(%w+)=(%w+)','%2=%1')", 20},
    {"gsub '%s+' ' ' 10 kB", "gsub(text,'%s+',' ')", 20},
    {"gsub 'e' table", "gsub(text,'e',map)", 20},
    {"gsub '%w+' function", "gsub(text,'%w+',same)", 20},
    {"gsub '.' '%0%0'", "gsub(text,'.','%0%0')", 20},
    {"find '(%a+) (%a+) zebra'", "find(text,'(%a+) (%a+) zebra')", 20},
    {"find 'x.-y' no match", "find(text,'x.-#')", 20},
    {"match '^(.-)%s*$' 10 kB", "match(text,'^(.-)%s*$')", 20},
    {"match '^.*needle'", "match(text,'^.*needle')", 20},
    {"match '[^,]*,([^,]*)'", "match('0.5,1.25,acc','[^,]*,([^,]*)')", 2000},
    {"find '%b()' none", "find(text,'%b()')", 20},
    {"find '%f[%w]%w+%f[%W]!'", "find(text,'%f[%w]%w+%f[%W]!')", 20},
    {"short match '(%w+)=(%w+)'", "match('key=value','(%w+)=(%w+)')", 20000},
    {"short match '^%s*(.-)%s*$'", "match('  some words  ','^%s*(.-)%s*$')", 20000},
    {"short find '%d'", "find('epoch 12','%d')", 20000},
    {"short find '[%w_]+%.lua'", "find('a/b/file_1.lua','[%w_]+%.lua')", 20000},
    {"short gsub '%s' ''", "gsub('a b c d','%s','')", 20000},
    {"short gsub function", "gsub('a b c d','%s',same)", 20000},
    {"short gmatch '%d+'", "for w in gmatch('1 2 3','%d+') do end", 20000},
    {"long pattern, 58 bytes",
     "match('2024-01-02T03:04:05','^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)$')", 20000},
    {"short find plain", "find('epoch 12','12',1,true)", 20000},
    {"find plain 10 kB", "find(text,'needle',1,true)", 200},
    {"string.sub short", "string.sub('abcdef',2,3)", 20000},
    {"string.byte short", "string.byte('abcdef',2)", 20000},
    {"string.format short", "string.format('%d %s',1,'x')", 20000},
    {"string.rep short", "string.rep('ab',3)", 20000},
    {"tonumber short", "tonumber('12')", 20000},
    {"table.insert append", "local t={} for i=1,1000 do table.insert(t,i) end", 20},
    {"table.insert front 300", "local t={} for i=1,300 do table.insert(t,1,i) end", 5},
    {"table.concat 1000", "table.concat(words,',')", 50},
    {"table.concat 2", "table.concat({'a','b'},',')", 20000},
    {"table.unpack 3", "table.unpack(three)", 20000},
    {"table.sort 1000 numbers", "table.sort({table.unpack(numbers)})", 10},
    {"table.sort 1000 function", "table.sort({table.unpack(numbers)},less)", 10},
    {"table.sort 1000 sorted", "table.sort({table.unpack(sorted)})", 10},
    {"table.sort 1000 strings", "table.sort({table.unpack(words)})", 10},
    {"utf8.codes 2 kB", "for p,c in utf8.codes(accents) do end", 20},
};

static const char prelude[] =
    "find,match,gmatch,gsub=string.find,string.match,string.gmatch,string.gsub\n"
    "local w={'the','rank','loss','value','epoch','of','validation','all_gather','x1','a'}\n"
    "local s=12345 local function rnd(n) s=(s*1103515245+12345)%2147483648 return s//65536%n+1 "
    "end\n"
    "local t,u={},{} local n=0\n"
    "while n<10000 do local x=w[rnd(#w)] t[#t+1]=x n=n+#x+1 end\n"
    "for i=1,700 do u[i]=w[rnd(#w)]..'='..rnd(9999)..';' end\n"
    "text=table.concat(t,' ') pairs_text=table.concat(u,' ')\n"
    "words={} numbers={} sorted={} for i=1,1000 do words[i]=w[rnd(#w)]..rnd(1000) "
    "numbers[i]=rnd(30000) sorted[i]=i end\n"
    "three={1,2,3} map={e='E'} same=function(x) return x end less=function(a,b) return a<b end\n"
    "accents=('na\\u{ef}ve \\u{20ac}5 '):rep(200)\n";

static void
check(lua_State *L, int status)
{
    if (status != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(1);
    }
}

/* Microseconds of one round of the function on top of the stack. */
static double
time_round(lua_State *L, int repeat)
{
    gint64 start = g_get_monotonic_time();

    lua_pushvalue(L, -1);
    lua_pushinteger(L, repeat);
    check(L, lua_pcall(L, 1, 0, 0));
    return (double)(g_get_monotonic_time() - start);
}

static double
best_of(double best, double round)
{
    return best < round ? best : round;
}

int
main(void)
{
    lua_State *ours = luaL_newstate();
    lua_State *stock = luaL_newstate();

    luaL_openlibs(ours);
    luaL_openlibs(stock);
    ddp_charges_open(ours);
    ddp_pattern_open(ours);
    check(stock, luaL_dostring(stock, prelude));
    check(ours, luaL_dostring(ours, prelude));
    printf("%-30s %12s %12s %7s %12s\n", "case", "stock ns", "ours ns", "ratio", "steps");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *code =
            g_strdup_printf("return function(n) for i=1,n do %s end end", cases[i].body);
        double best_ours = 1e12;
        double best_stock = 1e12;

        check(ours, luaL_dostring(ours, code));
        check(stock, luaL_dostring(stock, code));
        charged = 0;
        for (int round = 0; round < ROUNDS; round++) {
            best_stock = best_of(best_stock, time_round(stock, cases[i].repeat));
            best_ours = best_of(best_ours, time_round(ours, cases[i].repeat));
        }
        printf("%-30s %12.1f %12.1f %7.2f %12.1f\n", cases[i].name,
               1e3 * best_stock / cases[i].repeat, 1e3 * best_ours / cases[i].repeat,
               best_ours / best_stock, (double)charged / ROUNDS / cases[i].repeat);
        lua_settop(ours, 0);
        lua_settop(stock, 0);
    }
    lua_close(ours);
    lua_close(stock);
    return 0;
}
