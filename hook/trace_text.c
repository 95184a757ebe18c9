/* SPDX-License-Identifier: BSD-2-Clause */
/* See trace_text.h. */
#include "hook/trace_text.h"

void trace_put_char(struct trace_line *l, char c)
{
	/* Room for the end of the line is kept. */
	if (l->n < sizeof(l->text) - 64)
		l->text[l->n++] = c;
}

void trace_put(struct trace_line *l, const char *s)
{
	while (*s)
		trace_put_char(l, *s++);
}

void trace_put_number(struct trace_line *l, uint64_t v, unsigned base)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n)
		trace_put_char(l, digits[--n]);
}

void trace_put_int(struct trace_line *l, long v)
{
	if (v < 0)
		trace_put_char(l, '-');
	trace_put_number(l, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
}

void trace_put_hex(struct trace_line *l, uint64_t v)
{
	trace_put(l, "0x");
	trace_put_number(l, v, 16);
}

void trace_put_pointer(struct trace_line *l, long p)
{
	if (p)
		trace_put_hex(l, (uint64_t)p);
	else
		trace_put(l, "NULL");
}

void trace_put_bits(struct trace_line *l, uint32_t v,
		    const struct trace_word *w, size_t n)
{
	bool first = true;

	if (!v)
		trace_put_char(l, '0');
	for (size_t i = 0; i < n; i++) {
		if (!(v & w[i].value))
			continue;
		if (!first)
			trace_put_char(l, '|');
		trace_put(l, w[i].name);
		v &= ~w[i].value;
		first = false;
	}
	if (v) {
		if (!first)
			trace_put_char(l, '|');
		trace_put_hex(l, v);
	}
}

bool trace_put_word(struct trace_line *l, uint32_t v,
		    const struct trace_word *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (w[i].value == v) {
			trace_put(l, w[i].name);
			return true;
		}
	}
	trace_put_int(l, (int)v);
	return false;
}
