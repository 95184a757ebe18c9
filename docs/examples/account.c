/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An example of toami/vif.h: what has passed a VIF, and a map of its program.
 *
 *	cc -o account account.c $(pkg-config --cflags --libs libtoami)
 *	./account /web
 *	./account /web /web:open 80 1
 */
#include <toami/vif.h>

#include <err.h>
#include <stdio.h>

static struct toami_control *control;

/* Ends the program with the daemon's sentence where a call has failed. */
static void check(int failed)
{
	if (failed)
		errx(failed, "%s", toami_control_text(control));
}

static void print_way(const char *label, const struct toami_vif_way *w)
{
	printf("%s: %llu packets, %llu bytes, %llu dropped, %llu sent again\n",
	       label, (unsigned long long)w->packets,
	       (unsigned long long)w->bytes, (unsigned long long)w->drops,
	       (unsigned long long)w->retransmits);
	printf("%s: %llu bytes wait, 99 of 100 less than %llu us; throttled "
	       "for %llu ms\n",
	       label, (unsigned long long)w->backlog_bytes,
	       (unsigned long long)w->delay_p99_ns / 1000,
	       (unsigned long long)w->throttled_ns / 1000000);
	if (w->program_runs)
		printf("%s: %llu runs of programs, %llu packets dropped by "
		       "them\n",
		       label, (unsigned long long)w->program_runs,
		       (unsigned long long)(w->program_filtered +
					    w->program_dropped));
}

int main(int argc, char **argv)
{
	struct toami_vif_account account;
	char value[TOAMI_VIF_WORD];

	if (argc != 2 && argc != 5)
		errx(64, "usage: account PATH [MAP KEY VALUE]");
	check(toami_control_open(NULL, 0, &control));
	check(toami_vif_account(control, argv[1], &account));
	print_way("out", &account.tx);
	print_way("in", &account.rx);
	if (argc == 5) {
		check(toami_map_set(control, argv[2], argv[3], argv[4]));
		check(toami_map_get(control, argv[2], argv[3], value,
				    sizeof(value)));
		printf("%s of %s is %s\n", argv[3], argv[2], value);
		check(toami_map_remove(control, argv[2], argv[3]));
	}
	toami_control_close(control);
	return 0;
}
