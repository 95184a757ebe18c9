/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami top: the tree live. The screen is drawn anew with each look and each
 * key; between looks the terminal is waited for.
 */
#include "cli/cli.h"
#include "cli/text.h"
#include "cli/top_data.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
	"usage: toami top [-i SECONDS] [-b [-n COUNT]] [PATH]\n"
	"\n"
	"Shows the VIF at PATH (default: /) and all below it live: bits a "
	"second "
	"out (TX) and\n"
	"in (RX), ceilings, what waits and how long (99 of 100 frames), frames "
	"dropped a\n"
	"second.\n"
	"\n"
	"  -i, --interval SECONDS  between two looks (1)\n"
	"  -b, --batch             no screen: a table each time\n"
	"  -n, --count COUNT       end after so many tables (1)\n"
	"\n"
	"Keys: arrows, page keys  move      t, o, i, d  sort by tree, TX, RX, "
	"drops\n"
	"      r  change the rate           R  change rate-in\n"
	"      /  only paths that contain   space  stop and go on      q  "
	"end\n";

#define SPARK	16
#define KEY_ESC 27

struct screen {
	struct toami_control *control;
	struct top_data data;
	const char *path;
	enum top_order order;
	char filter[64];
	char selected[TOAMI_VIF_PATH]; /* stays selected when rows move */
	char message[512];
	size_t first; /* row shown at the top */
	bool paused;
	bool utf8;
	uint64_t interval_ms;
};

static const char head[] = "%-*s %5s %9s %9s  %-*s %9s %9s %8s %8s %7s %6s %7s";

static void format_head(char *line, size_t size, int width)
{
	snprintf(line, size, head, width, "PATH", "PROGS", "TX bit/s",
		 "RX bit/s", SPARK, "", "RATE", "RATE-IN", "WAITING", "p99",
		 "DROP/s", "RETR", "INSN/s");
}

static const char *delay_text(uint64_t ns, char text[TEXT_FIGURE])
{
	if (!ns)
		return "";
	if (ns < 1000000)
		snprintf(text, TEXT_FIGURE, "%d us", (int)(ns / 1000));
	else if (ns < UINT64_C(10000000000))
		snprintf(text, TEXT_FIGURE, "%d ms", (int)(ns / 1000000));
	else
		snprintf(text, TEXT_FIGURE, "%d s",
			 (int)(ns / 1000000000 % 1000000));
	return text;
}

/* A row of figures; the sparkline's place is left blank, it is drawn by
 * itself. */
static void format_row(const struct top_row *r, bool tree, const char *spark,
		       char *line, size_t size, int width)
{
	char tx[TEXT_FIGURE], rx[TEXT_FIGURE], waiting[TEXT_FIGURE];
	char p99[TEXT_FIGURE], drops[TEXT_FIGURE], resent[TEXT_FIGURE];
	char insns[TEXT_FIGURE];
	const char *name = r->path;
	char label[TOAMI_VIF_PATH * 2];

	if (tree && r->depth > 1)
		name = strrchr(r->path, '/');
	snprintf(label, sizeof(label), "%*s%s",
		 tree && r->depth > 1 ? (int)(r->depth - 1) * 2 : 0, "", name);
	snprintf(line, size,
		 "%-*.*s %5u %9s %9s  %s %9s %9s %8s %8s %7s %6s %7s", width,
		 width, label, r->programs, text_figure(r->tx_bps, tx),
		 text_figure(r->rx_bps, rx), spark, r->rate, r->rate_in,
		 r->backlog_bytes ? text_figure(r->backlog_bytes, waiting) : "",
		 delay_text(r->delay_ns, p99),
		 r->drops_ps ? text_figure(r->drops_ps, drops) : "",
		 r->retransmits ? text_figure(r->retransmits, resent) : "",
		 r->instructions_ps ? text_figure(r->instructions_ps, insns)
				    : "");
}

static bool shown(const struct screen *s, const struct top_row *r)
{
	return !*s->filter || strstr(r->path, s->filter);
}

/* --- without a screen --------------------------------------------------------
 */

static void print_table(const struct screen *s)
{
	char line[1024], spark[4 * TOP_HISTORY + 1];

	format_head(line, sizeof(line), 30);
	puts(line);
	for (size_t i = 0; i < s->data.rows; i++) {
		const struct top_row *r = &s->data.row[i];

		format_row(r, s->order == TOP_TREE,
			   top_spark(r, SPARK, s->utf8, spark), line,
			   sizeof(line), 30);
		puts(line);
	}
	fflush(stdout);
}

static void sleep_ms(uint64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000),
			      (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* Rates need two looks: the first is not printed. */
static int run_batch(struct screen *s, uint64_t count)
{
	int err = top_take(&s->data, s->control, s->path);

	for (uint64_t i = 0; i < count && !err; i++) {
		sleep_ms(s->interval_ms);
		err = top_take(&s->data, s->control, s->path);
		if (err)
			break;
		top_sort(&s->data, s->order);
		if (i)
			putchar('\n');
		print_table(s);
	}
	return err;
}

/* --- with a screen -----------------------------------------------------------
 */

static size_t selected_row(struct screen *s)
{
	size_t first = s->data.rows;

	for (size_t i = s->data.rows; i--;) {
		if (!shown(s, &s->data.row[i]))
			continue;
		if (!strcmp(s->data.row[i].path, s->selected))
			return i;
		first = i;
	}
	return first;
}

static void select_row(struct screen *s, size_t i)
{
	if (i < s->data.rows)
		snprintf(s->selected, sizeof(s->selected), "%s",
			 s->data.row[i].path);
}

/* Moves the selection by @by rows that are shown. */
static void move_by(struct screen *s, long by)
{
	size_t at = selected_row(s);
	long step = by < 0 ? -1 : 1;

	for (size_t i = at; by && (i += (size_t)step) < s->data.rows;) {
		if (!shown(s, &s->data.row[i]))
			continue;
		at = i;
		by -= step;
	}
	select_row(s, at);
}

static void draw_bar(const struct screen *s, int y, const char *text)
{
	(void)s;
	attron(A_REVERSE);
	mvprintw(y, 0, "%-*.*s", COLS, COLS, text);
	attroff(A_REVERSE);
}

static void draw_rows(struct screen *s, int width)
{
	char line[1024], spark[4 * TOP_HISTORY + 1], blank[SPARK + 1];
	size_t selected = selected_row(s), n = 0, at = 0;
	int room = LINES - 3;

	memset(blank, ' ', SPARK);
	blank[SPARK] = 0;
	/* The selected row is on the screen. */
	for (size_t i = 0; i < selected; i++)
		at += shown(s, &s->data.row[i]);
	if (at < s->first)
		s->first = at;
	if (room > 0 && at >= s->first + (size_t)room)
		s->first = at - (size_t)room + 1;
	for (size_t i = 0; i < s->data.rows; i++) {
		const struct top_row *r = &s->data.row[i];
		int y;

		if (!shown(s, r) || n++ < s->first)
			continue;
		y = (int)(n - 1 - s->first) + 2;
		if (y >= LINES - 1)
			break;
		format_row(r, s->order == TOP_TREE && !*s->filter, blank, line,
			   sizeof(line), width);
		if (i == selected)
			attron(A_REVERSE);
		mvprintw(y, 0, "%-*.*s", COLS, COLS, line);
		/* Bars have bytes that are no columns: by themselves. */
		if (COLS > width + 27 + SPARK)
			mvprintw(y, width + 27, "%s",
				 top_spark(r, SPARK, s->utf8, spark));
		if (i == selected)
			attroff(A_REVERSE);
	}
}

static void draw(struct screen *s)
{
	static const char *const orders[] = { "tree", "TX", "RX", "drops" };
	char line[1024];
	int width = COLS > 140 ? COLS - 110 : 30;

	erase();
	snprintf(line, sizeof(line), "toami top %s: %zu VIFs, by %s%s%s%s",
		 s->path, s->data.rows, orders[s->order],
		 *s->filter ? ", with " : "", s->filter,
		 s->paused ? ", stopped" : "");
	mvprintw(0, 0, "%-.*s", COLS, line);
	format_head(line, sizeof(line), width);
	draw_bar(s, 1, line);
	draw_rows(s, width);
	mvprintw(LINES - 1, 0, "%.*s", COLS - 1,
		 *s->message ? s->message
			     : "q end  r rate  R rate-in  t o i d sort  / "
			       "filter  space stop");
	refresh();
}

/* Reads a line at the bottom. False: given up with Escape. */
static bool prompt(struct screen *s, const char *what, char *word, size_t size)
{
	size_t n = strlen(word);

	timeout(-1);
	for (;;) {
		int key;

		snprintf(s->message, sizeof(s->message), "%s%s_", what, word);
		draw(s);
		key = getch();
		if (key == '\n' || key == '\r' || key == KEY_ENTER)
			break;
		if (key == KEY_ESC || key == ERR) {
			s->message[0] = 0;
			return false;
		}
		if ((key == KEY_BACKSPACE || key == 127 || key == 8) && n)
			word[--n] = 0;
		else if (key >= ' ' && key < 127 && n + 1 < size) {
			word[n++] = (char)key;
			word[n] = 0;
		}
	}
	s->message[0] = 0;
	return true;
}

static void change_rate(struct screen *s, const char *name)
{
	size_t at = selected_row(s);
	char what[TOAMI_VIF_PATH + 64], word[64] = "", set[128];
	const char *words[] = { set, NULL };
	int err;

	if (at >= s->data.rows)
		return;
	select_row(s, at);
	snprintf(what, sizeof(what), "%s of %s: ", name, s->selected);
	if (!prompt(s, what, word, sizeof(word)) || !*word)
		return;
	snprintf(set, sizeof(set), "%s=%s", name, word);
	err = toami_vif_set(s->control, s->selected, words);
	snprintf(s->message, sizeof(s->message), "%s",
		 err ? toami_control_text(s->control) : "");
	if (!err)
		snprintf(s->message, sizeof(s->message), "%s has %s now",
			 s->selected, set);
	top_take(&s->data, s->control, s->path);
	top_sort(&s->data, s->order);
}

/* False: it was the key to end. */
static bool obey(struct screen *s, int key)
{
	static const char sort_keys[] = "toid";
	const char *sort = key > 0 && key < 128 ? strchr(sort_keys, key) : NULL;

	s->message[0] = 0;
	if (sort && *sort) {
		s->order = (enum top_order)(sort - sort_keys);
		top_sort(&s->data, s->order);
		return true;
	}
	switch (key) {
	case 'q':
		return false;
	case KEY_UP:
	case 'k':
		move_by(s, -1);
		break;
	case KEY_DOWN:
	case 'j':
		move_by(s, 1);
		break;
	case KEY_PPAGE:
		move_by(s, -(long)LINES + 3);
		break;
	case KEY_NPAGE:
		move_by(s, (long)LINES - 3);
		break;
	case KEY_HOME:
		move_by(s, -(long)s->data.rows);
		break;
	case KEY_END:
		move_by(s, (long)s->data.rows);
		break;
	case 'r':
		change_rate(s, "rate");
		break;
	case 'R':
		change_rate(s, "rate-in");
		break;
	case '/':
		if (!prompt(s, "only paths with: ", s->filter,
			    sizeof(s->filter)))
			s->filter[0] = 0;
		s->first = 0;
		break;
	case ' ':
		s->paused = !s->paused;
		break;
	default:
		break;
	}
	return true;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A look at a large tree takes its time: no more than a third of it all. */
static uint64_t pause_ms(const struct screen *s)
{
	uint64_t least = 2 * s->data.cost_ns / 1000000;

	return s->interval_ms > least ? s->interval_ms : least;
}

static int run_screen(struct screen *s)
{
	uint64_t next = 0;
	int err = 0, key;

	if (!newterm(NULL, stdout, stdin))
		return cli_complain(EX_UNAVAILABLE,
				    "this terminal has no screen: use 'toami "
				    "top --batch', or set TERM");
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	for (;;) {
		uint64_t now = now_ms();

		if (now >= next) {
			if (!s->paused)
				err = top_take(&s->data, s->control, s->path);
			if (err)
				break;
			top_sort(&s->data, s->order);
			next = now_ms() + pause_ms(s);
		}
		draw(s);
		now = now_ms();
		timeout(next > now ? (int)(next - now) : 0);
		key = getch();
		if (key != ERR && !obey(s, key))
			break;
	}
	endwin();
	return err;
}

int cli_top(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interval", required_argument, NULL, 'i' },
		{ "batch", no_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'n' },
		CLI_OPTS_END
	};
	struct screen s = { .interval_ms = 1000, .path = "/" };
	uint64_t count = 1;
	bool batch = false;
	char *end = NULL;
	double seconds;
	int c, err;

	while ((c = getopt_long(argc, argv, "i:bn:h", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c == '?')
			return cli_usage("top");
		if (c == 'b')
			batch = true;
		if (c == 'n') {
			count = strtoull(optarg, &end, 10);
			if (*end || !count)
				return cli_usage("top");
		}
		if (c == 'i') {
			seconds = strtod(optarg, &end);
			if (*end || !(seconds >= 0.05 && seconds <= 3600))
				return cli_complain(
					EX_USAGE,
					"'%s' is no interval: give 0.05 to "
					"3600 seconds",
					optarg);
			s.interval_ms = (uint64_t)(seconds * 1000);
		}
	}
	if (argc - optind > 1) {
		cli_complain(EX_USAGE, "top takes at most one PATH");
		return cli_usage("top");
	}
	if (optind < argc)
		s.path = argv[optind];
	setlocale(LC_ALL, "");
	s.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (!batch && !isatty(STDOUT_FILENO))
		return cli_complain(EX_USAGE, "standard output is no terminal: "
					      "use 'toami top --batch'");
	err = cli_open(false, &s.control);
	if (err)
		return err;
	/* Before there is a screen, so that a wrong path is told. */
	err = top_take(&s.data, s.control, s.path);
	if (!err)
		err = batch ? run_batch(&s, count) : run_screen(&s);
	top_fini(&s.data);
	return cli_close(s.control, err);
}
