/* SPDX-License-Identifier: BSD-2-Clause */
/* See script.h; script_diff.c has the rest of it. */
#include "daemon/script.h"
#include "daemon/hosts.h"
#include "daemon/ports.h"
#include "daemon/script_order.h"
#include "daemon/transient.h"

#include <stdio.h>
#include <string.h>

int script_obey(struct transaction *t, struct order *o, struct refusal *why)
{
	switch (o->kind) {
	case ORDER_ADD:
		return transaction_add(t, o->path, o->address, &o->change, why);
	case ORDER_SET:
		return transaction_set(t, o->path, &o->change, why);
	case ORDER_MOVE:
		return transaction_move(t, o->path, o->address, why);
	case ORDER_ATTACH:
		return transaction_attach(t, &o->port, why);
	case ORDER_DETACH:
		return transaction_detach(t, o->path, why);
	default:
		return transaction_remove(t, o->path, o->below, why);
	}
}

static int obey(void *arg, struct order *o, struct refusal *why)
{
	return script_obey(arg, o, why);
}

int script_run(struct transaction *t, const char *text, const json_t *users,
	       struct refusal *why)
{
	return script_each(text, users, obey, t, why);
}

/* --- saving ------------------------------------------------------------------
 */

/* A value as a word: in quotes where it would be more than one. */
static void write_word(FILE *to, const char *name, const char *value)
{
	bool plain = *value;

	for (const char *c = value; *c; c++)
		plain = plain &&
			(strchr("+,-./:=_%", *c) || (*c >= '0' && *c <= '9') ||
			 ((*c | 32) >= 'a' && (*c | 32) <= 'z'));
	if (plain) {
		fprintf(to, " %s=%s", name, value);
		return;
	}
	fprintf(to, " %s=\"", name);
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', to);
		fputc(*c, to);
	}
	fputc('"', to);
}

/* One that lives as long as a program is none of the tree's. */
static void save_port(struct daemon *d, vif_ix ix, FILE *to)
{
	struct port_order_text text;
	struct port_order o;

	if (!ports_describe(d, ix, &o, &text) || o.netns)
		return;
	fprintf(to, "port add tap -n %s", o.name);
	if (o.uplink)
		fputs(" --uplink", to);
	if (o.gateway)
		fprintf(to, " --gateway %s", o.gateway);
	if (o.gateway6)
		fprintf(to, " --gateway6 %s", o.gateway6);
	if (!o.offload)
		fputs(" --no-offload", to);
	if (o.bare)
		fputs(" --bare", to);
	fprintf(to, " %s\n", o.path);
}

/* Is @ix, or one above it, there for one command only? */
static bool is_passing(struct daemon *d, vif_ix ix)
{
	for (; ix; ix = vif_parent(vif_at(daemon_fabric(d), ix)))
		if (transient_is(d, ix))
			return true;
	return false;
}

static void save_one(struct daemon *d, vif_ix ix, FILE *to)
{
	char path[VIF_PATH_MAX], address[HOSTS_WORD], word[PROP_TEXT_MAX];
	struct prop_value of[PROPS];
	bool any = false;

	vif_path(daemon_fabric(d), ix, path);
	settings_get(d, ix, of);
	for (enum prop_id id = 0; id < PROPS; id++)
		any = any || prop_is_set(&of[id]);
	if (ix == VIF_ROOT && !any)
		return;
	fputs("vif add ", to);
	if (ix != VIF_ROOT)
		fprintf(to, "-a %s ", hosts_word(d, ix, address));
	fputs(path, to);
	for (enum prop_id id = 0; id < PROPS; id++)
		if (prop_is_set(&of[id]))
			write_word(to, prop_table[id].name,
				   prop_print(id, &of[id], word));
	fputc('\n', to);
	save_port(d, ix, to);
}

char *script_save(struct daemon *d, vif_ix top)
{
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	if (!to)
		return NULL;
	for (vif_ix ix = 0; (ix = vif_next(daemon_fabric(d), top, ix));)
		if (!is_passing(d, ix))
			save_one(d, ix, to);
	fclose(to);
	return text;
}
