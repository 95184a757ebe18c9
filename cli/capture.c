/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami capture: reads what members copy for it out of the fabric's memory, and
 * writes it as pcapng. The daemon only opens the capture; when the connection
 * to it closes, however this command ends, the capture is closed.
 */
#include "cli/cli.h"
#include "cli/observe.h"
#include "cli/pcapng.h"
#include "vif/capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX 131072
#define WAIT_MS	  5 /* between looks at an empty ring */

static const char help[] =
	"usage: toami capture [-w FILE] [-d in|out|both] [-rS] [-s BYTES] [-c "
	"COUNT]\n"
	"                     PATH [FILTER...]\n"
	"\n"
	"Writes copies of the frames that leave or enter the VIF at PATH to "
	"FILE "
	"as pcapng,\n"
	"until it is interrupted. FILTER is an expression of pcap-filter(7).\n"
	"\n"
	"  -w, --write FILE      '-' (default): standard output, for 'tshark "
	"-r "
	"-'\n"
	"  -d, --direction WAY   out: what leaves the VIF; in: what enters it; "
	"both\n"
	"  -r, --recursive       what passes VIFs below it, too, each frame "
	"once; for /\n"
	"                        always\n"
	"  -S, --sampled         only one frame of so many as the VIF's "
	"property 'sample'\n"
	"                        says\n"
	"  -s, --snap BYTES      no more than so much of each frame\n"
	"  -c, --count COUNT     end after so many frames\n";

struct session {
	struct fabric fabric;
	struct toami_control *control;
	struct capture_reader reader;
	struct bpf_program filter;
	bool has_filter;
	char **words; /* of the filter, ended by NULL */
	FILE *to;
	uint32_t snap;
	uint64_t count, left; /* frames written; that may still be */
	int64_t to_real_ns;   /* from the fabric's clock */
	uint32_t interfaces;
	vif_ix *interface; /* [interfaces] */
	uint8_t data[FRAME_MAX];
};

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static uint64_t real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

/* --- checksums, which members leave out between each other
 * --------------------
 */

static uint32_t sum_up(const uint8_t *p, size_t bytes, uint32_t sum)
{
	for (; bytes > 1; p += 2, bytes -= 2) {
		sum += (uint32_t)p[0] << 8 | p[1];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (bytes)
		sum += (uint32_t)p[0] << 8;
	return (sum & 0xffff) + (sum >> 16);
}

static void store_sum(uint8_t *at, uint32_t sum, bool udp)
{
	sum = ~sum & 0xffff;
	if (!sum && udp)
		sum = 0xffff;
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

/* As a wire would have it: the checksum of TCP or UDP in a whole frame. */
static void complete(uint8_t *frame, uint32_t bytes)
{
	uint8_t *ip = frame + 14, *l4;
	bool v6 = (ip[0] >> 4) == 6;
	uint32_t head = v6 ? 40 : (ip[0] & 15) * 4u, length, sum;
	uint8_t protocol;

	if (bytes < 14 + head + 8 || (!v6 && (ip[0] >> 4) != 4))
		return;
	protocol = v6 ? ip[6] : ip[9];
	l4 = ip + head;
	length = bytes - 14 - head;
	if ((protocol != 6 || length < 20) && protocol != 17)
		return;
	if (!v6) {
		ip[10] = ip[11] = 0;
		store_sum(ip + 10, sum_up(ip, head, 0), false);
	}
	sum = sum_up(v6 ? ip + 8 : ip + 12, v6 ? 32 : 8, protocol);
	sum += length & 0xffff;
	sum += length >> 16;
	sum = (sum & 0xffff) + (sum >> 16);
	l4[protocol == 6 ? 16 : 6] = l4[protocol == 6 ? 17 : 7] = 0;
	store_sum(l4 + (protocol == 6 ? 16 : 6), sum_up(l4, length, sum),
		  protocol == 17);
}

/* --- writing -----------------------------------------------------------------
 */

/* The number of the VIF's interface in the file, made where it is new. */
static uint32_t interface_of(struct session *s, vif_ix vif)
{
	char path[VIF_PATH_MAX];
	vif_ix *more;

	for (uint32_t i = 0; i < s->interfaces; i++)
		if (s->interface[i] == vif)
			return i;
	more = realloc(s->interface, (s->interfaces + 1) * sizeof(*more));
	if (!more)
		return 0;
	s->interface = more;
	s->interface[s->interfaces] = vif;
	vif_path(&s->fabric, vif, path);
	pcapng_interface(s->to, path, s->snap);
	return s->interfaces++;
}

static void write_one(struct session *s, const struct capture_record *r)
{
	uint32_t interface;

	if (r->flags & FRAME_NEEDS_CSUM && r->bytes == r->wire_bytes)
		complete(s->data, r->bytes);
	if (s->has_filter) {
		struct pcap_pkthdr h = { .caplen = r->bytes,
					 .len = r->wire_bytes };

		if (!pcap_offline_filter(&s->filter, &h, s->data))
			return;
	}
	interface = interface_of(s, r->vif);
	pcapng_frame(s->to, interface, r->way == VIF_TX,
		     r->time_ns + (uint64_t)s->to_real_ns, s->data, r->bytes,
		     r->wire_bytes);
	s->count++;
	s->left--;
}

/* Writes what there is; false: nobody takes it any more. */
static bool drain(struct session *s)
{
	struct capture_record r;

	while (s->left && capture_read(&s->reader, fabric_now(&s->fabric), &r,
				       s->data, sizeof(s->data)))
		write_one(s, &r);
	return !fflush(s->to) && !ferror(s->to);
}

/* Until it is interrupted, or enough, or the daemon or the reader has gone. */
static int pump(struct session *s)
{
	struct pollfd daemon = { toami_control_fd(s->control), POLLIN, 0 };

	while (!stopped && s->left) {
		if (!drain(s))
			return errno == EPIPE ? 0
					      : cli_complain(EX_IOERR,
							     "cannot write: %s",
							     strerror(errno));
		if (poll(&daemon, 1, WAIT_MS) > 0)
			break;
	}
	drain(s);
	return 0;
}

static void finish(struct session *s)
{
	uint64_t lost =
		atomic_load(&s->reader.ring->lost) + s->reader.passed_over;

	for (uint32_t i = 0; i < s->interfaces; i++)
		pcapng_end(s->to, i, real_ns(), i ? 0 : lost);
	fflush(s->to);
	fprintf(stderr, "%llu frames written, %llu lost\n",
		(unsigned long long)s->count, (unsigned long long)lost);
}

/*
 * The words of a filter as one expression, compiled: before anything is asked,
 * to see whether it is right; and with the subnet's @prefix, which "broadcast"
 * means, when that is known.
 */
static int compile(struct session *s, unsigned prefix)
{
	char text[4096] = "";
	size_t at = 0;
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, FRAME_MAX);
	int err;

	for (char **w = s->words; *w && at < sizeof(text); w++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s",
				       at ? " " : "", *w);
	if (!pcap || at >= sizeof(text))
		return cli_complain(EX_USAGE, "the filter is too long");
	if (s->has_filter)
		pcap_freecode(&s->filter);
	err = pcap_compile(pcap, &s->filter, text, 1,
			   htonl(UINT32_MAX << (32 - prefix)));
	if (err)
		cli_complain(EX_USAGE,
			     "'%s' is no filter: %s: see pcap-filter(7)", text,
			     pcap_geterr(pcap));
	pcap_close(pcap);
	s->has_filter = !err;
	return err ? EX_USAGE : 0;
}

static int start(struct session *s, const char *path, const char *direction,
		 bool recursive, bool sampled)
{
	json_t *result;
	int err = client_request(s->control,
				 json_pack("{s:s, s:s, s:s, s:b, s:b, s:I}",
					   "verb", "capture", "path", path,
					   "direction", direction, "recursive",
					   recursive, "sampled", sampled,
					   "snap", (json_int_t)s->snap),
				 &result);
	uint32_t slot;

	if (err)
		return cli_complain(err, "%s", toami_control_text(s->control));
	slot = (uint32_t)json_integer_value(json_object_get(result, "slot"));
	json_decref(result);
	err = observe_map(toami_control_dir(s->control), &s->fabric);
	if (err)
		return err;
	if (!slot || slot >= CAPTURE_MAX)
		return cli_complain(EX_PROTOCOL, "the daemon's answer is not "
						 "understood");
	if (*s->words)
		err = compile(s, s->fabric.header->prefix4);
	if (err)
		return err;
	capture_read_start(&s->reader, capture_at(&s->fabric, slot));
	s->to_real_ns = (int64_t)(real_ns() - fabric_now(&s->fabric));
	pcapng_begin(s->to, "toami " TOAMI_VERSION);
	interface_of(s, atomic_load(&s->reader.ring->vif));
	fflush(s->to);
	fprintf(stderr, "capturing on %s\n", path);
	err = pump(s);
	finish(s);
	return err;
}

static bool read_count(const char *word, uint64_t most, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(word, &end, 10);
	return !errno && !*end && *word != '-' && *n && *n <= most;
}

static int open_file(struct session *s, const char *file)
{
	if (strcmp(file, "-")) {
		s->to = fopen(file, "we");
		return s->to ? 0
			     : cli_complain(EX_CANTCREAT, "cannot write %s: %s",
					    file, strerror(errno));
	}
	if (isatty(STDOUT_FILENO))
		return cli_complain(EX_USAGE,
				    "a capture is not for a terminal: write it "
				    "to a file with -w, or to a program: "
				    "'toami capture PATH | tshark -r -'");
	s->to = stdout;
	return 0;
}

int cli_capture(int argc, char **argv)
{
	static const struct option options[] = {
		{ "write", required_argument, NULL, 'w' },
		{ "direction", required_argument, NULL, 'd' },
		{ "recursive", no_argument, NULL, 'r' },
		{ "sampled", no_argument, NULL, 'S' },
		{ "snap", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'c' },
		CLI_OPTS_END
	};
	const char *file = "-", *direction = "both";
	struct sigaction stop = { .sa_handler = on_stop };
	struct session *s = calloc(1, sizeof(*s));
	uint64_t snap = FRAME_MAX;
	bool recursive = false, sampled = false;
	int c, err = 0;

	if (!s)
		return cli_complain(EX_OSERR, "out of memory");
	s->left = UINT64_MAX;
	while (!err && (c = getopt_long(argc, argv, "w:d:rSs:c:h", options,
					NULL)) != -1) {
		if (c == CLI_HELP) {
			free(s);
			return cli_help(help);
		}
		if (c == 'w')
			file = optarg;
		else if (c == 'd')
			direction = optarg;
		else if (c == 'r')
			recursive = true;
		else if (c == 'S')
			sampled = true;
		else if (c == '?' ||
			 (c == 's' && !read_count(optarg, FRAME_MAX, &snap)) ||
			 (c == 'c' &&
			  !read_count(optarg, UINT64_MAX, &s->left)))
			err = cli_usage("capture");
	}
	if (!err && optind == argc) {
		cli_complain(EX_USAGE, "capture takes the PATH of a VIF");
		err = cli_usage("capture");
	}
	s->snap = (uint32_t)snap;
	s->words = argv + optind + (optind < argc);
	if (!err && *s->words)
		err = compile(s, 16);
	if (!err)
		err = open_file(s, file);
	if (!err)
		err = cli_open(false, &s->control);
	if (!err) {
		sigaction(SIGINT, &stop, NULL);
		sigaction(SIGTERM, &stop, NULL);
		signal(SIGPIPE, SIG_IGN);
		err = start(s, argv[optind], direction, recursive, sampled);
		toami_control_close(s->control);
	}
	if (s->has_filter)
		pcap_freecode(&s->filter);
	free(s->interface);
	if (s->to && fclose(s->to) && !err)
		err = cli_complain(EX_IOERR, "cannot write %s: %s", file,
				   strerror(errno));
	free(s);
	return err;
}
