/* A wall clock that can be stepped, for tests: preloaded, it shifts CLOCK_REALTIME (and what reads it) by the seconds that the
 * file POSETEST_CLOCK holds as a native int64_t, which may change at any time. Monotonic clocks, timers and waits are left alone,
 * as they are when NTP steps a real machine's clock.
 *
 *   gcc -O2 -fPIC -shared -o libstepped.so stepped.c
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_s;

__attribute__((constructor)) static void open_shift(void)
{
	const char *path = getenv("POSETEST_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift_s, PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (at != MAP_FAILED)
		shift_s = at;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	long error = syscall(SYS_clock_gettime, clock, now);
	if (!error && shift_s && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += *shift_s;
	return (int)error;
}

int gettimeofday(struct timeval *now, void *zone)
{
	struct timespec precise;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &precise))
		return -1;
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *at)
{
	struct timespec precise;
	clock_gettime(CLOCK_REALTIME, &precise);
	if (at)
		*at = precise.tv_sec;
	return precise.tv_sec;
}
