/* A sound card made of files, for tests without hardware: an ALSA ioplug that runs in real time and fails on request.
 *
 *   gcc -O2 -fPIC -shared -DPIC -o libposetest.so pcm_posetest.c -lasound
 *
 * Files hold interleaved 16-bit little-endian samples, whatever format (S16_LE, S32_LE) the application negotiates.
 * Frames are counted from the first start of the handle on CLOCK_MONOTONIC, so what is lost in an xrun stays lost.
 *
 * Configuration of a `type posetest` pcm:
 *   channels N, rate HZ   the only ones accepted
 *   infile PATH           what capture hears (silence after its end); loop BOOL starts it over and over
 *   one_clock BOOL        infile runs on while the device is closed, from the process's first start
 *   outfile PATH          what was played, appended
 *   loopback N            capture channel N hears playback channel 0 of this process instead of infile
 *   patient BOOL          the cards' time stands still while this process is late, so that no xrun comes but those
 *                         asked for, which last XRUN_NS at most: a busy machine makes no difference
 *   xrun_at FRAME         one xrun, when FRAME is reached (once per handle; 0 = never)
 *   lost_at FRAME         the device disappears at FRAME (0 = never)
 *   lost_marker PATH      made when lost_at strikes; while the file exists lost_at strikes no more
 *   open_error PATH       while this file exists, opening fails with the errno whose number it holds
 *   held PATH             who opens locks this file: a second one gets EBUSY, as from a real card
 *   unplugged PATH        while this file exists, open handles are lost and opening fails
 *   faults DIR            what capture does while a file of this name exists in DIR:
 *     stuck                 no frame comes any more, and no error
 *     silent                zeros
 *     rotated               channel N hears what belongs to channel N + 1, the last one what belongs to the first
 *     swapped               channels 1 and 3 are exchanged
 *     gap                   GAP_FRAMES of infile are skipped without notice
 */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL
#define LOOPBACK_FRAMES (1 << 19)
#define GAP_FRAMES 437
#define XRUN_NS 10000000LL

typedef struct {
	snd_pcm_ioplug_t io;
	char *outfile, *lost_marker, *open_error, *held, *unplugged, *faults;
	long channels, rate, xrun_at, lost_at, loopback;
	int out_fd, held_fd, loop, one_clock, patient;
	int16_t *recording;
	int64_t recording_frames;
	int running, started_ever, xrun_done, frozen, lost;
	int64_t epoch_ns;   /* the handle's first start */
	int64_t start_ns;   /* this start */
	int64_t start_frame; /* frames between them */
	int64_t stuck_at;    /* position since this start, -1 while frames come */
} posetest_t;

/* The loopback: playback channel 0 of the process, by frame since the process's first start. */
static pthread_mutex_t loopback_lock = PTHREAD_MUTEX_INITIALIZER;
static int16_t loopback[LOOPBACK_FRAMES];
static int64_t loopback_epoch_ns, capture_epoch_ns;

/* The cards' time: CLOCK_MONOTONIC less all the time for which they stood still. */
static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t held_ns, frozen_ns; /* frozen_ns: an xrun began then, 0 = none */

static int64_t monotonic_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t longer_than_xrun_ns(int64_t now)
{
	return frozen_ns && now - frozen_ns > XRUN_NS ? now - frozen_ns - XRUN_NS : 0;
}

static int64_t now_ns(void)
{
	pthread_mutex_lock(&clock_lock);
	int64_t now = monotonic_ns(), card = now - held_ns - longer_than_xrun_ns(now);
	pthread_mutex_unlock(&clock_lock);
	return card;
}

static void hold(int64_t ns)
{
	pthread_mutex_lock(&clock_lock);
	held_ns += ns;
	pthread_mutex_unlock(&clock_lock);
}

static void freeze(posetest_t *p, int begins)
{
	if (!p->patient || p->frozen == begins)
		return;
	p->frozen = begins;
	pthread_mutex_lock(&clock_lock);
	int64_t now = monotonic_ns();
	held_ns += longer_than_xrun_ns(now);
	frozen_ns = begins ? now : 0;
	pthread_mutex_unlock(&clock_lock);
}

static int64_t frames_between(const posetest_t *p, int64_t from_ns, int64_t to_ns)
{
	return (to_ns - from_ns) * p->rate / NS_PER_S;
}

static int64_t loopback_frame(const posetest_t *p)
{
	return frames_between(p, loopback_epoch_ns, p->start_ns) + (int64_t)p->io.appl_ptr;
}

static int is_capture(const snd_pcm_ioplug_t *io)
{
	return io->stream == SND_PCM_STREAM_CAPTURE;
}

static int exists(const char *path)
{
	return path && access(path, F_OK) == 0;
}

static int faulty(const posetest_t *p, const char *how)
{
	char path[4096];
	return p->faults && is_capture(&p->io) && snprintf(path, sizeof path, "%s/%s", p->faults, how) < (int)sizeof path && exists(path);
}

static int set_timer(snd_pcm_ioplug_t *io, int64_t interval_ns)
{
	struct timespec t = {interval_ns / NS_PER_S, interval_ns % NS_PER_S};
	struct itimerspec timer = {t, t};
	return timerfd_settime(io->poll_fd, 0, &timer, NULL) ? -errno : 0;
}

static void begin(posetest_t *p)
{
	p->start_ns = now_ns();
	pthread_mutex_lock(&loopback_lock);
	if (!loopback_epoch_ns)
		loopback_epoch_ns = p->start_ns;
	pthread_mutex_unlock(&loopback_lock);
}

static int posetest_start(snd_pcm_ioplug_t *io)
{
	posetest_t *p = io->private_data;
	if (p->lost)
		return -ENODEV;
	freeze(p, 0);
	if (is_capture(io))
		begin(p);
	if (!p->started_ever) {
		if (is_capture(io) && !capture_epoch_ns)
			capture_epoch_ns = p->start_ns;
		p->epoch_ns = p->start_ns;
		p->started_ever = 1;
	}
	p->start_frame = frames_between(p, p->epoch_ns, p->start_ns);
	p->running = 1;
	p->stuck_at = -1;
	return set_timer(io, (int64_t)io->period_size * NS_PER_S / p->rate);
}

/* What was queued and never heard must not appear in the loopback. */
static void forget_queued(posetest_t *p)
{
	int64_t heard = frames_between(p, p->start_ns, now_ns()), first = loopback_frame(p) - (int64_t)p->io.appl_ptr;
	pthread_mutex_lock(&loopback_lock);
	for (int64_t i = heard; i < (int64_t)p->io.appl_ptr; i++)
		loopback[(first + i) % LOOPBACK_FRAMES] = 0;
	pthread_mutex_unlock(&loopback_lock);
}

static int posetest_stop(snd_pcm_ioplug_t *io)
{
	posetest_t *p = io->private_data;
	if (p->running && !is_capture(io))
		forget_queued(p);
	p->running = 0;
	return set_timer(io, 0);
}

static int posetest_prepare(snd_pcm_ioplug_t *io)
{
	posetest_t *p = io->private_data;
	p->running = 0;
	return p->lost ? -ENODEV : 0;
}

static int lose(snd_pcm_ioplug_t *io)
{
	posetest_t *p = io->private_data;
	p->lost = 1;
	snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
	return -ENODEV;
}

static int lost_by_frame(posetest_t *p, int64_t frame)
{
	if (!p->lost_at || frame < p->lost_at || exists(p->lost_marker))
		return 0;
	if (p->lost_marker)
		close(open(p->lost_marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	return 1;
}

static snd_pcm_sframes_t posetest_pointer(snd_pcm_ioplug_t *io)
{
	posetest_t *p = io->private_data;
	int64_t position = p->running ? frames_between(p, p->start_ns, now_ns()) : 0;
	int64_t moved = (int64_t)io->appl_ptr, frame;

	if (!faulty(p, "stuck"))
		p->stuck_at = -1;
	else if (p->stuck_at < 0)
		p->stuck_at = position;
	if (p->stuck_at >= 0)
		position = p->stuck_at;
	frame = p->start_frame + position;

	if (exists(p->unplugged) || (p->started_ever && lost_by_frame(p, frame)))
		return lose(io);
	if (p->xrun_at && !p->xrun_done && p->started_ever && frame >= p->xrun_at) {
		p->xrun_done = 1;
		freeze(p, 1);
		return -EPIPE;
	}
	/* The latest position that is no xrun, and not a whole buffer from any that was given before. */
	int64_t last = is_capture(io) ? moved + (int64_t)(io->buffer_size - io->period_size) : moved - 1;
	if (p->patient && position > last && io->state == SND_PCM_STATE_RUNNING) {
		hold((position - last) * NS_PER_S / p->rate);
		position = last;
	}
	if (is_capture(io)) {
		if (position - moved > (int64_t)io->buffer_size)
			return -EPIPE;
	} else if (position > moved) {
		if (io->state != SND_PCM_STATE_DRAINING)
			return -EPIPE;
		position = moved;
	}
	return position % (int64_t)io->buffer_size;
}

static int16_t heard_sample(const posetest_t *p, int64_t frame, long channel, int rotated, int swapped)
{
	if (rotated)
		channel = (channel + 1) % p->channels;
	if (swapped && (channel == 1 || channel == 3))
		channel = 4 - channel;
	if (p->loop && p->recording_frames)
		frame %= p->recording_frames;
	return frame < p->recording_frames ? p->recording[frame * p->channels + channel] : 0;
}

static void capture(posetest_t *p, char *to, snd_pcm_uframes_t frames)
{
	int wide = p->io.format == SND_PCM_FORMAT_S32_LE, silent = faulty(p, "silent"), rotated = faulty(p, "rotated");
	int swapped = faulty(p, "swapped") && p->channels > 3;
	int64_t first = p->start_frame + (int64_t)p->io.appl_ptr, echo = loopback_frame(p);
	if (p->one_clock)
		first += frames_between(p, capture_epoch_ns, p->epoch_ns);
	if (faulty(p, "gap"))
		first += GAP_FRAMES;
	pthread_mutex_lock(&loopback_lock);
	for (snd_pcm_uframes_t i = 0; i < frames; i++)
		for (long c = 0; c < p->channels; c++) {
			int16_t *played = &loopback[(echo + (int64_t)i) % LOOPBACK_FRAMES];
			int16_t v = c == p->loopback ? *played : heard_sample(p, first + (int64_t)i, c, rotated, swapped);
			if (c == p->loopback)
				*played = 0; /* heard once; the ring comes round */
			if (silent)
				v = 0;
			if (wide)
				((int32_t *)to)[i * p->channels + c] = (int32_t)v * 65536;
			else
				((int16_t *)to)[i * p->channels + c] = v;
		}
	pthread_mutex_unlock(&loopback_lock);
}

static int play(posetest_t *p, const char *from, snd_pcm_uframes_t frames)
{
	int wide = p->io.format == SND_PCM_FORMAT_S32_LE;
	size_t n = frames * p->channels;
	int16_t *v = malloc(n * sizeof *v);
	if (!v)
		return -ENOMEM;
	if (!p->running && !p->io.appl_ptr)
		begin(p); /* the first write comes just before the start */
	int64_t echo = loopback_frame(p);
	for (size_t i = 0; i < n; i++)
		v[i] = wide ? (int16_t)(((const int32_t *)from)[i] >> 16) : ((const int16_t *)from)[i];
	pthread_mutex_lock(&loopback_lock);
	for (snd_pcm_uframes_t i = 0; i < frames; i++)
		loopback[(echo + (int64_t)i) % LOOPBACK_FRAMES] = v[i * p->channels];
	pthread_mutex_unlock(&loopback_lock);
	ssize_t written = p->out_fd < 0 ? 0 : write(p->out_fd, v, n * sizeof *v);
	free(v);
	return written < 0 ? -errno : 0;
}

static snd_pcm_sframes_t posetest_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
					   snd_pcm_uframes_t offset, snd_pcm_uframes_t frames)
{
	posetest_t *p = io->private_data;
	char *buffer = (char *)areas->addr + (areas->first + areas->step * offset) / 8;
	if (p->lost)
		return -ENODEV;
	if (is_capture(io)) {
		capture(p, buffer, frames);
		return (snd_pcm_sframes_t)frames;
	}
	int error = play(p, buffer, frames);
	return error ? error : (snd_pcm_sframes_t)frames;
}

static int posetest_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned int count, unsigned short *revents)
{
	posetest_t *p = io->private_data;
	uint64_t ticks;
	(void)fds;
	(void)count;
	if (read(io->poll_fd, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
		return -errno;
	*revents = p->lost ? POLLERR | POLLHUP : faulty(p, "stuck") ? 0 : is_capture(io) ? POLLIN : POLLOUT;
	return 0;
}

static void release(posetest_t *p)
{
	if (p->out_fd >= 0)
		close(p->out_fd);
	if (p->io.poll_fd >= 0)
		close(p->io.poll_fd);
	free(p->recording);
	free(p->outfile);
	free(p->lost_marker);
	if (p->held_fd >= 0)
		close(p->held_fd);
	free(p->open_error);
	free(p->held);
	free(p->unplugged);
	free(p->faults);
	free(p);
}

static int posetest_close(snd_pcm_ioplug_t *io)
{
	freeze(io->private_data, 0);
	release(io->private_data);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = posetest_start,
	.stop = posetest_stop,
	.prepare = posetest_prepare,
	.pointer = posetest_pointer,
	.transfer = posetest_transfer,
	.poll_revents = posetest_revents,
	.close = posetest_close,
};

static int load_recording(posetest_t *p, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		error = -errno;
	else if (!(p->recording = malloc(status.st_size ? status.st_size : 1)))
		error = -ENOMEM;
	for (off_t at = 0; !error && at < status.st_size;) {
		ssize_t n = read(fd, (char *)p->recording + at, status.st_size - at);
		if (n <= 0)
			error = n < 0 ? -errno : -EIO;
		at += n;
	}
	close(fd);
	if (!error)
		p->recording_frames = status.st_size / (int64_t)sizeof(int16_t) / p->channels;
	return error;
}

static int error_in(const char *path)
{
	char number[16] = "";
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, number, sizeof number - 1);
	close(fd);
	return n > 0 ? -atoi(number) : -EIO;
}

static int hold_alone(posetest_t *p)
{
	if (!p->held)
		return 0;
	p->held_fd = open(p->held, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (p->held_fd < 0)
		return -errno;
	return flock(p->held_fd, LOCK_EX | LOCK_NB) ? -EBUSY : 0;
}

static int text(snd_config_t *node, char **to)
{
	const char *value;
	int error = snd_config_get_string(node, &value);
	if (!error && !(*to = strdup(value)))
		error = -ENOMEM;
	return error;
}

static int configure(posetest_t *p, snd_config_t *conf, char **infile)
{
	snd_config_iterator_t i, next;
	int error = 0;
	snd_config_for_each(i, next, conf) {
		snd_config_t *node = snd_config_iterator_entry(i);
		const char *id;
		if (error || snd_config_get_id(node, &id) < 0 || !strcmp(id, "type") || !strcmp(id, "comment") || !strcmp(id, "hint"))
			continue;
		if (!strcmp(id, "channels"))
			error = snd_config_get_integer(node, &p->channels);
		else if (!strcmp(id, "rate"))
			error = snd_config_get_integer(node, &p->rate);
		else if (!strcmp(id, "loopback"))
			error = snd_config_get_integer(node, &p->loopback);
		else if (!strcmp(id, "xrun_at"))
			error = snd_config_get_integer(node, &p->xrun_at);
		else if (!strcmp(id, "lost_at"))
			error = snd_config_get_integer(node, &p->lost_at);
		else if (!strcmp(id, "loop"))
			p->loop = snd_config_get_bool(node) > 0;
		else if (!strcmp(id, "one_clock"))
			p->one_clock = snd_config_get_bool(node) > 0;
		else if (!strcmp(id, "patient"))
			p->patient = snd_config_get_bool(node) > 0;
		else if (!strcmp(id, "infile"))
			error = text(node, infile);
		else if (!strcmp(id, "outfile"))
			error = text(node, &p->outfile);
		else if (!strcmp(id, "lost_marker"))
			error = text(node, &p->lost_marker);
		else if (!strcmp(id, "open_error"))
			error = text(node, &p->open_error);
		else if (!strcmp(id, "held"))
			error = text(node, &p->held);
		else if (!strcmp(id, "unplugged"))
			error = text(node, &p->unplugged);
		else if (!strcmp(id, "faults"))
			error = text(node, &p->faults);
		else {
			SNDERR("posetest: unknown field %s", id);
			error = -EINVAL;
		}
	}
	return error;
}

static int set_constraints(posetest_t *p)
{
	static const unsigned int access[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
	static const unsigned int format[] = {SND_PCM_FORMAT_S16_LE, SND_PCM_FORMAT_S32_LE};
	snd_pcm_ioplug_t *io = &p->io;
	int error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 2, access);
	if (!error)
		error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 2, format);
	if (!error)
		error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, p->channels, p->channels);
	if (!error)
		error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, p->rate, p->rate);
	if (!error)
		error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 64, 1 << 20);
	if (!error)
		error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 64);
	return error;
}

SND_PCM_PLUGIN_DEFINE_FUNC(posetest)
{
	char *infile = NULL;
	int error;
	posetest_t *p = calloc(1, sizeof *p);
	(void)root;
	if (!p)
		return -ENOMEM;
	p->channels = 2;
	p->rate = 48000;
	p->loopback = -1;
	p->out_fd = -1;
	p->held_fd = -1;
	p->io.poll_fd = -1;
	error = configure(p, conf, &infile);
	if (!error && exists(p->unplugged))
		error = -ENODEV;
	if (!error)
		error = error_in(p->open_error);
	if (!error)
		error = hold_alone(p);
	if (!error && stream == SND_PCM_STREAM_CAPTURE && infile)
		error = load_recording(p, infile);
	if (!error && stream == SND_PCM_STREAM_PLAYBACK && p->outfile) {
		p->out_fd = open(p->outfile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (p->out_fd < 0)
			error = -errno;
	}
	free(infile);
	p->io.version = SND_PCM_IOPLUG_VERSION;
	p->io.name = "posekernel test device";
	p->io.callback = &callbacks;
	p->io.private_data = p;
	p->io.poll_events = POLLIN;
	if (!error && (p->io.poll_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) < 0)
		error = -errno;
	if (!error)
		error = snd_pcm_ioplug_create(&p->io, name, stream, mode);
	if (error) {
		release(p);
		return error;
	}
	if ((error = set_constraints(p))) {
		snd_pcm_ioplug_delete(&p->io);
		return error;
	}
	*pcmp = p->io.pcm;
	return 0;
}
SND_PCM_PLUGIN_SYMBOL(posetest);
