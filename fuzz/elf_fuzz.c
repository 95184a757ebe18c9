/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any file that somebody wants to start: the check whether it can be hooked
 * reads its headers before the kernel does. Whatever it holds, the answer is
 * one of two, the words fit and the sentence does. HACKING.md has the commands.
 */
#include "hook/elf_check.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[32];
	static int fd = -1;
	const char *words[HOOK_WORDS_MAX + 1];
	size_t room = size ? data[0] % 200u : 0;
	bool filter = room & 1;
	struct hook_plan plan;
	char *text = malloc(room + 1);
	int ret;

	if (fd < 0) {
		fd = memfd_create("program", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (size)
		data++, size--;
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) < 0)
		abort();
	/* A script may name any interpreter; none that waits is opened. */
	if (size > 1 && data[0] == '#' && memmem(data, size, "/dev/", 5))
		goto out;
	memset(text, 'x', room + 1);
	ret = hook_exec_check(path, filter, &plan, text, room);
	if (!ret && plan.load) {
		hook_exec_words(&plan, path, 0, NULL, words);
		close(plan.fd);
	}
	if (ret && ret != -EPERM)
		abort();
	if (ret && room && !memchr(text, 0, room))
		abort();
	if (text[room] != 'x')
		abort();
out:
	free(text);
	return 0;
}
