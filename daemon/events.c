/* SPDX-License-Identifier: BSD-2-Clause */
/* See events.h. With nobody watching an event costs one test. */
#include "daemon/events.h"
#include "daemon/control.h"
#include "daemon/json_text.h"

#include <stdlib.h>
#include <time.h>

static const char *const names[] = {
	[EVENT_VIF_ADD] = "vif-add",   [EVENT_VIF_SET] = "vif-set",
	[EVENT_VIF_MOVE] = "vif-move", [EVENT_VIF_REMOVE] = "vif-remove",
	[EVENT_JOIN] = "join",	       [EVENT_LEAVE] = "leave",
};

static void begin(struct json_text *j, struct daemon *d, enum event event,
		  vif_ix ix)
{
	char path[VIF_PATH_MAX];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	vif_path(daemon_fabric(d), ix, path);
	json_text_open(j, NULL, '{');
	json_text_string(j, "event", names[event]);
	json_text_number(j, "time_ns",
			 (uint64_t)now.tv_sec * NSEC_PER_SEC +
				 (uint64_t)now.tv_nsec);
	json_text_string(j, "path", path);
}

static void end(struct json_text *j, struct daemon *d)
{
	char *text;

	json_text_close(j, '}');
	text = json_text_take(j);
	if (text)
		control_publish(d->control, text);
	free(text);
}

void events_vif(struct daemon *d, enum event event, vif_ix ix)
{
	struct json_text j = { 0 };

	if (!d->watchers)
		return;
	begin(&j, d, event, ix);
	end(&j, d);
}

void events_program(struct daemon *d, enum event event, vif_ix ix, int pid,
		    const char *name)
{
	struct json_text j = { 0 };
	char text[32];
	size_t n = 0;

	if (!d->watchers)
		return;
	for (; n < sizeof(text) - 1 && name[n]; n++)
		text[n] = name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
	text[n] = 0;
	begin(&j, d, event, ix);
	json_text_number(&j, "pid", (uint64_t)pid);
	json_text_string(&j, "program", text);
	end(&j, d);
}
