/* Loaded before libc (LD_PRELOAD), so that a process meets a fault at the moment when a file gets its final name.
 *
 * That is how a commit of a Delta table comes to be: the data files are there, and then the log entry is linked or
 * renamed into place. FAULT_AT says when, what, at the how manyeth file, and at which, by a pattern of fnmatch:
 * "before:kill:2:*_delta_log*.json". When: before or after. What: kill (the whole process group); and before, from that
 * file on, ENOSPC, EACCES or EROFS, with which the call then fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    errno = strcmp(what, "ENOSPC") == 0 ? ENOSPC : strcmp(what, "EROFS") == 0 ? EROFS : EACCES;
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
        if (done == 0)                                                              \
            fails("after", name);                                                   \
        return done;                                                                \
    }

WITH_FAULTS(rename, (const char *from, const char *to), (from, to), to)
WITH_FAULTS(link, (const char *from, const char *to), (from, to), to)
WITH_FAULTS(renameat, (int dir, const char *from, int to_dir, const char *to), (dir, from, to_dir, to), to)
WITH_FAULTS(renameat2, (int dir, const char *from, int to_dir, const char *to, unsigned int flags),
            (dir, from, to_dir, to, flags), to)
WITH_FAULTS(linkat, (int dir, const char *from, int to_dir, const char *to, int flags),
            (dir, from, to_dir, to, flags), to)
