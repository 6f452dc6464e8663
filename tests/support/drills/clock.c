/* Moves the clock of the day by the seconds that the file CLOCK_FILE holds, for every process that loads this before
   others (LD_PRELOAD). Clocks that count from the machine's start stay, as they do when somebody sets the time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift(void)
{
    static __thread long known, looked;
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    long moment = now.tv_sec * 20 + now.tv_nsec / 50000000 + 1; /* it looks twenty times a second */
    if (moment == looked)
        return known;
    looked = moment;
    int before = errno, file = open(getenv("CLOCK_FILE") ? getenv("CLOCK_FILE") : "", O_RDONLY | O_CLOEXEC);
    char text[32];
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    if (length > 0) {
        text[length] = 0;
        known = atol(text);
    }
    errno = before;
    return known;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int failed = syscall(SYS_clock_gettime, clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += shift();
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    int failed = syscall(SYS_gettimeofday, at, zone);
    if (!failed)
        at->tv_sec += shift();
    return failed;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}
