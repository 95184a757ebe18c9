/* SPDX-License-Identifier: BSD-2-Clause */
/* See refusal.h. */
#include "daemon/refusal.h"

#include <stdarg.h>
#include <stdio.h>

int refuse(struct refusal *r, const char *code, int exit_code,
	   const char *format, ...)
{
	va_list ap;

	r->code = code;
	r->exit_code = exit_code;
	va_start(ap, format);
	vsnprintf(r->text, sizeof(r->text), format, ap);
	va_end(ap);
	/* Parts may be a stranger's words: nothing that a terminal would obey.
	 */
	for (char *c = r->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return -1;
}
