/* SPDX-License-Identifier: MIT */
#include "tests/cli/spawn.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/testutil.h"

static void
limit_file_size(gpointer bytes)
{
    long max = *(long *)bytes;
    struct rlimit limit = {(rlim_t)max, (rlim_t)max};

    if (max > 0)
        setrlimit(RLIMIT_FSIZE, &limit);
}

Spawned
spawn(const char *folder, const char *const *environment, long file_bytes_max,
      const char *const *arguments)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(GStrv) env = g_get_environ();
    g_autoptr(GError) error = NULL;
    Spawned spawned = {0};
    int wait_status = 0;

    g_ptr_array_add(argv, (char *)g_getenv("DDPSIM"));
    ck_assert_ptr_nonnull(argv->pdata[0]);
    for (int i = 0; arguments[i] != NULL; i++)
        g_ptr_array_add(argv, (char *)arguments[i]);
    g_ptr_array_add(argv, NULL);
    for (int i = 0; environment != NULL && environment[i] != NULL; i++) {
        g_auto(GStrv) pair = g_strsplit(environment[i], "=", 2);

        env = pair[1] != NULL ? g_environ_setenv(env, pair[0], pair[1], TRUE)
                              : g_environ_unsetenv(env, pair[0]);
    }
    g_spawn_sync(folder, (char **)argv->pdata, env, G_SPAWN_DEFAULT, limit_file_size,
                 &file_bytes_max, &spawned.out, &spawned.err, &wait_status, &error);
    ck_assert_no_error(error);
    spawned.status =
        WIFSIGNALED(wait_status) ? 256 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    return spawned;
}

void
spawned_clear(Spawned *spawned)
{
    g_clear_pointer(&spawned->out, g_free);
    g_clear_pointer(&spawned->err, g_free);
}

void
write_file(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, text, -1, &error);
    ck_assert_no_error(error);
}
