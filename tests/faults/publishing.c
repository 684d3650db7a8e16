/* Loaded before libc (LD_PRELOAD), so that a process meets a fault when it creates a file or directory, opens a file that
 * is there, writes to one, or gives it its final name.
 *
 * The last is how a commit of a Delta table comes to be: the data files are there, and then the log entry is linked or
 * renamed into place. FAULT_AT says when, what, from which call on, and at which files, by a pattern of fnmatch:
 * "before:kill:2:*_delta_log*.json". When: before or after a file gets its name, at "create", "open" or "write". What: kill
 * (the whole process group); and, from that time on, ENOSPC, EACCES, EROFS or EIO, with which the call then fails. After
 * the file has its name that is an answer which got lost: done, and reported as a failure.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int fails(const char *when, const char *name)
{
    static int seen;
    int first;
    char given_when[16], what[16], pattern[4096];
    const char *fault = getenv("FAULT_AT");
    if (!fault || !name || sscanf(fault, "%15[^:]:%15[^:]:%d:%4095[^\n]", given_when, what, &first, pattern) != 4)
        return 0;
    if (strcmp(given_when, when) != 0 || fnmatch(pattern, name, 0) != 0 || __sync_add_and_fetch(&seen, 1) < first)
        return 0;
    if (strcmp(what, "kill") == 0)
        kill(0, SIGKILL);
    errno = strcmp(what, "ENOSPC") == 0 ? ENOSPC
            : strcmp(what, "EROFS") == 0 ? EROFS
            : strcmp(what, "EIO") == 0   ? EIO
                                         : EACCES;
    return 1;
}

#define WITH_FAULTS(function, parameters, arguments, name)                          \
    int function parameters                                                         \
    {                                                                               \
        static int (*original) parameters;                                          \
        if (!original)                                                              \
            original = (int (*) parameters)dlsym(RTLD_NEXT, #function);             \
        if (fails("before", name))                                                  \
            return -1;                                                              \
        int done = original arguments;                                              \
        return done == 0 && fails("after", name) ? -1 : done;                       \
    }

WITH_FAULTS(rename, (const char *from, const char *to), (from, to), to)
WITH_FAULTS(link, (const char *from, const char *to), (from, to), to)
WITH_FAULTS(renameat, (int dir, const char *from, int to_dir, const char *to), (dir, from, to_dir, to), to)
WITH_FAULTS(renameat2, (int dir, const char *from, int to_dir, const char *to, unsigned int flags),
            (dir, from, to_dir, to, flags), to)
WITH_FAULTS(linkat, (int dir, const char *from, int to_dir, const char *to, int flags),
            (dir, from, to_dir, to, flags), to)

static int fails_at_write(int file)
{
    char link[64], name[4096];
    const char *fault = getenv("FAULT_AT");
    if (!fault || strncmp(fault, "write:", 6) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0)
        return 0;
    name[length] = 0;
    return fails("write", name);
}

#define WITH_FULL_DISK(function, parameters, arguments)                             \
    ssize_t function parameters                                                     \
    {                                                                               \
        static ssize_t (*original) parameters;                                      \
        if (!original)                                                              \
            original = (ssize_t (*) parameters)dlsym(RTLD_NEXT, #function);         \
        return fails_at_write(file) ? -1 : original arguments;                      \
    }

WITH_FULL_DISK(write, (int file, const void *bytes, size_t size), (file, bytes, size))
WITH_FULL_DISK(writev, (int file, const struct iovec *parts, int count), (file, parts, count))
WITH_FULL_DISK(pwrite, (int file, const void *bytes, size_t size, off_t at), (file, bytes, size, at))
WITH_FULL_DISK(pwrite64, (int file, const void *bytes, size_t size, off64_t at), (file, bytes, size, at))

#define WITH_DENIAL(function)                                                       \
    int function(const char *name, int flags, ...)                                  \
    {                                                                               \
        static int (*original)(const char *, int, ...);                             \
        va_list more;                                                               \
        va_start(more, flags);                                                      \
        mode_t mode = va_arg(more, mode_t);                                         \
        va_end(more);                                                               \
        if (!original)                                                              \
            original = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #function); \
        return fails(flags & O_CREAT ? "create" : "open", name) ? -1 : original(name, flags, mode); \
    }

WITH_DENIAL(open)
WITH_DENIAL(open64)

int mkdir(const char *name, mode_t mode)
{
    static int (*original)(const char *, mode_t);
    if (!original)
        original = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
    return fails("create", name) ? -1 : original(name, mode);
}
