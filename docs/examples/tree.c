/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An example of toami/vif.h: a tree of three VIFs, watched while it is changed.
 *
 *	cc -o tree tree.c $(pkg-config --cflags --libs libtoami)
 */
#include <toami/vif.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

static struct toami_control *control;

/* Ends the program with the daemon's sentence where a call has failed. */
static void check(int failed)
{
	if (failed)
		errx(failed, "%s", toami_control_text(control));
}

/* A connection that watches is for nothing else: a second one. */
static struct toami_control *watch(void)
{
	struct toami_control *c;
	int failed = toami_control_open(NULL, 0, &c);

	if (!failed)
		failed = toami_watch(c);
	if (failed)
		errx(failed, "%s", toami_control_text(c));
	return c;
}

/* Tells what has happened, up to the removal of /shop. */
static void tell(struct toami_control *events)
{
	struct toami_event e;

	do {
		if (toami_watch_next(events, &e))
			errx(1, "%s", toami_control_text(events));
		printf("%s %s\n", e.name, e.path);
	} while (e.kind != TOAMI_EVENT_VIF_REMOVE || e.path[5]);
}

int main(void)
{
	const char *const office[] = { "rate=1gbit", "min=100mbit", NULL };
	const char *const web[] = { "min=60mbit", "weight=3", NULL };
	const char *const greedy[] = { "min=50mbit", NULL };
	struct toami_control *events;
	struct toami_vif_loaded loaded;
	char word[TOAMI_VIF_WORD], *text;
	struct toami_vif *vifs;
	size_t count;

	check(toami_control_open(NULL, 1, &control));
	events = watch();

	check(toami_vif_add(control, "/shop", NULL, office, NULL));
	check(toami_vif_add(control, "/shop/web", NULL, web, NULL));
	check(toami_vif_add(control, "/shop/mail", NULL, NULL, NULL));

	/* Guarantees may not add up to more than there is. */
	if (!toami_vif_set(control, "/shop/mail", greedy))
		errx(1, "more has been guaranteed than there is");
	printf("refused: %s\n", toami_control_text(control));

	check(toami_vif_get(control, "/shop/web", "min", word, sizeof(word)));
	printf("/shop/web is guaranteed %s\n", word);

	/* The same again as text: all of it, or nothing. */
	check(toami_vif_save(control, "/shop", &text));
	check(toami_vif_load(control, text, &loaded));
	printf("%llu the same\n", (unsigned long long)loaded.same);
	free(text);

	check(toami_vif_move(control, "/shop/mail", "/shop/post"));
	check(toami_vif_list(control, "/shop", &vifs, &count));
	for (size_t i = 0; i < count; i++)
		printf("%s %s %llu bytes sent\n", vifs[i].path,
		       *vifs[i].address ? vifs[i].address : vifs[i].lane_of,
		       (unsigned long long)vifs[i].tx.bytes);
	free(vifs);

	check(toami_vif_remove(control, "/shop", 1));
	tell(events);
	toami_control_close(events);
	toami_control_close(control);
	return 0;
}
