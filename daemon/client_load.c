/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saving and loading through the control library; include/toami/vif.h is its
 * page. What a script names and the daemon may not open or make, is opened
 * here, before anything is asked: packet programs and interfaces.
 */
#include "daemon/client.h"
#include "daemon/client_port.h"
#include "daemon/users.h"
#include "daemon/script_line.h"
#include "port/netif.h"
#include "port/tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct toami_control *control)
{
	struct refusal why;

	refuse(&why, "internal", EX_OSERR, "out of memory");
	return client_fail(control, &why);
}

int toami_vif_save(struct toami_control *control, const char *path, char **text)
{
	json_t *result;
	char *numbers = NULL;
	int err = client_request(
		control, json_pack("{s:s, s:s?}", "verb", "save", "path", path),
		&result);

	*text = NULL;
	if (!err)
		err = client_text(control, result, &numbers);
	json_decref(result);
	if (err)
		return err;
	*text = users_named(numbers);
	free(numbers);
	return *text ? 0 : out_of_memory(control);
}

/* An interface that could not be had. */
struct missing {
	char name[IFNAMSIZ];
	int err;	      /* negative; 0: none is missing */
	char fixed[IFNAMSIZ]; /* is there and cannot be set up; "": none */
};

/* What line @l names; interfaces, if @missing is there to say what is. */
static void open_line(const struct script_line *l, struct client_files *files,
		      struct missing *missing)
{
	struct port_order order;
	char got[IFNAMSIZ];
	int fd;

	for (int i = 0; i < l->words; i++)
		client_files_program(files, l->word[i]);
	if (!missing || script_line_port(l, &order) || !order.name)
		return;
	fd = tap_open(order.name, got);
	if (fd >= 0) {
		if (!order.bare && !*missing->fixed && netif_may(order.name))
			snprintf(missing->fixed, IFNAMSIZ, "%s", order.name);
		client_files_add(files, fd, order.name);
	} else if (!missing->err) {
		snprintf(missing->name, IFNAMSIZ, "%s", order.name);
		missing->err = fd;
	}
}

/* All that @text names, as far as it is there. What is wrong with its lines is
 * the daemon's to say. */
static int open_named(const char *text, struct client_files *files,
		      struct missing *missing)
{
	struct script_line *l = calloc(1, sizeof(*l));
	struct refusal unused;

	files->count = 0;
	if (missing)
		*missing = (struct missing){ .err = 0 };
	if (!l)
		return -ENOMEM;
	while (script_line_next(l, &text, &unused) > 0)
		open_line(l, files, missing);
	free(l);
	return 0;
}

static uint64_t read_count(const json_t *json, const char *what)
{
	return (uint64_t)json_integer_value(json_object_get(json, what));
}

int toami_vif_load(struct toami_control *control, const char *text,
		   struct toami_vif_loaded *loaded)
{
	struct client_files files;
	struct missing missing;
	json_t *request, *result, *ports, *item;
	size_t i;
	int err;

	if (open_named(text, &files, &missing))
		return out_of_memory(control);
	if (*missing.fixed) {
		client_files_close(&files);
		return client_port_may(control, missing.fixed);
	}
	request = json_pack("{s:s, s:s}", "verb", "load", "text", text);
	users_script(request, text);
	err = client_request_with(control, request, &files, &result);
	client_files_close(&files);
	if (err) {
		/* The daemon knows only that it did not come. */
		return missing.err && !strcmp(toami_control_code(control),
					      "no-interface")
			       ? client_port_refuse(control, missing.name,
						    missing.err)
			       : err;
	}
	ports = json_object_get(result, "ports");
	if (loaded)
		*loaded = (struct toami_vif_loaded){
			.made = read_count(result, "made"),
			.changed = read_count(result, "changed"),
			.moved = read_count(result, "moved"),
			.removed = read_count(result, "removed"),
			.same = read_count(result, "same"),
			.attached = json_array_size(ports),
			.detached = read_count(result, "detached"),
		};
	json_array_foreach(ports, i, item)
	{
		int bad = client_port_setup(control, item);

		err = err ? err : bad;
	}
	json_decref(result);
	return err;
}

/* The user that begins at @at, with his name; returns what follows. */
static const char *print_owner(FILE *to, const char *at)
{
	size_t digits = strspn(at, "0123456789");
	char word[PROP_TEXT_MAX];

	if (digits)
		fputs(users_name(strtoull(at, NULL, 10), word), to);
	return at + digits;
}

/* "~ PATH owner 1000 -> none": users have names here. */
static void print_change(FILE *to, const char *line)
{
	static const char owner[] = " owner ", arrow[] = " -> ";
	const char *at = *line == '~' ? strchr(line + 2, ' ') : NULL;

	if (at && !strncmp(at, owner, strlen(owner))) {
		at += strlen(owner);
		fwrite(line, 1, (size_t)(at - line), to);
		line = print_owner(to, at);
		at = strstr(line, arrow);
		if (at) {
			at += strlen(arrow);
			fwrite(line, 1, (size_t)(at - line), to);
			line = print_owner(to, at);
		}
	}
	fprintf(to, "%s\n", line);
}

int toami_vif_diff(struct toami_control *control, const char *text,
		   char **changes)
{
	json_t *request = json_pack("{s:s, s:s, s:b}", "verb", "load", "text",
				    text, "diff", 1);
	struct client_files files;
	json_t *result, *item;
	size_t bytes, i;
	FILE *to;
	int err;

	*changes = NULL;
	if (open_named(text, &files, NULL)) {
		json_decref(request);
		return out_of_memory(control);
	}
	users_script(request, text);
	err = client_request_with(control, request, &files, &result);
	client_files_close(&files);
	if (err)
		return err;
	to = open_memstream(changes, &bytes);
	if (to) {
		json_array_foreach(json_object_get(result, "changes"), i, item)
			print_change(to, json_string_value(item));
		fclose(to);
	}
	item = json_object_get(result, "refused");
	if (!*changes)
		err = out_of_memory(control);
	else if (item)
		err = client_refused(control, item);
	json_decref(result);
	return err;
}
