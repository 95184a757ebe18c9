/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of the trace: numbers and words, without a C library. For trace.c. */
#ifndef TOAMI_HOOK_TRACE_TEXT_H
#define TOAMI_HOOK_TRACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_LINE_MAX 640

/* What does not fit is left out; room for the end of the line is kept. */
struct trace_line {
	size_t n;
	char text[TRACE_LINE_MAX];
};

void trace_put_char(struct trace_line *l, char c);
void trace_put(struct trace_line *l, const char *s);
void trace_put_number(struct trace_line *l, uint64_t v, unsigned base);
void trace_put_int(struct trace_line *l, long v);
void trace_put_hex(struct trace_line *l, uint64_t v);
void trace_put_pointer(struct trace_line *l, long p); /* or NULL */

/* What the kernel's headers call a number. */
struct trace_word {
	uint32_t value;
	const char *name;
};

/* trace_put_bits - bits by their names, what is left as a number */
void trace_put_bits(struct trace_line *l, uint32_t v,
		    const struct trace_word *w, size_t n);

/* trace_put_word - a name, or the number: then false */
bool trace_put_word(struct trace_line *l, uint32_t v,
		    const struct trace_word *w, size_t n);

#endif
