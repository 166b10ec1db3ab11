/* SPDX-License-Identifier: MIT */
#include "model/checkpoint/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_TRIED 10000
#define WRITE_MAX ((size_t)1 << 30) /* Linux takes no more than 2 GiB at once */

struct DdpWholeFile {
    char *path;   /* owned */
    char *folder; /* owned */
    char *hidden; /* owned; NULL once it has its name */
    int fd;       /* -1 when closed */
};

static bool
fail(GError **error, const char *what)
{
    int number = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(number), "%s: %s", what,
                g_strerror(number));
    return false;
}

/* Ranks may write the same file at the same time, so each takes a hidden name of its own. */
static bool
open_hidden(DdpWholeFile *file, GError **error)
{
    g_autofree char *name = g_path_get_basename(file->path);

    for (int i = 0; i < NAMES_TRIED; i++) {
        g_autofree char *hidden = g_strdup_printf("%s/.%s.partial-%d", file->folder, name, i);

        file->fd = open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0) {
            file->hidden = g_steal_pointer(&hidden);
            return true;
        }
        if (errno != EEXIST)
            break;
    }
    return fail(error, "cannot make the file");
}

DdpWholeFile *
ddp_whole_file_new(const char *path, GError **error)
{
    g_autoptr(DdpWholeFile) file = g_new0(DdpWholeFile, 1);
    struct stat info;

    file->fd = -1;
    file->path = g_strdup(path);
    file->folder = g_path_get_dirname(path);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        fail(error, "cannot make the file");
        return NULL;
    }
    return open_hidden(file, error) ? g_steal_pointer(&file) : NULL;
}

void
ddp_whole_file_free(DdpWholeFile *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    if (file->hidden != NULL)
        unlink(file->hidden);
    g_free(file->hidden);
    g_free(file->folder);
    g_free(file->path);
    g_free(file);
}

bool
ddp_whole_file_write(DdpWholeFile *file, const void *bytes, size_t length, GError **error)
{
    const char *at = bytes;

    while (length > 0) {
        ssize_t written = write(file->fd, at, MIN(length, WRITE_MAX));

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail(error, "cannot write the file");
        at += written;
        length -= (size_t)written;
    }
    return true;
}

/* A rename lasts only once the folder is on the disk. Some file systems sync no folders. */
static bool
sync_folder(const char *folder, GError **error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail(error, "the file is in place, but its folder cannot be synced");

    bool is_synced = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;

    if (!is_synced)
        fail(error, "the file is in place, but its folder cannot be synced");
    close(fd);
    return is_synced;
}

bool
ddp_whole_file_commit(DdpWholeFile *file, GError **error)
{
    g_return_val_if_fail(file->fd >= 0, false);

    int fd = file->fd;

    if (fsync(fd) != 0)
        return fail(error, "cannot have the disk take the file");
    file->fd = -1;
    if (close(fd) != 0)
        return fail(error, "cannot close the file");
    if (rename(file->hidden, file->path) != 0)
        return fail(error, "cannot give the file its name");
    g_clear_pointer(&file->hidden, g_free);
    return sync_folder(file->folder, error);
}
