/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ways: a query of one address (PROCMAP_QUERY, Linux 6.11), and reading the
 * text from the start, which takes some 50 us.
 */
#include "hook/maps.h"

#include <errno.h>
#include <fcntl.h>

#include "base/sys.h"

struct procmap_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset,
		inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};

/* _IOWR('f', 17, struct procmap_query) */
#define PROCMAP_QUERY                                                         \
	(3u << 30 | (unsigned)sizeof(struct procmap_query) << 16 | 'f' << 8 | \
	 17)
#define VMA_READ   1
#define VMA_WRITE  2
#define VMA_EXEC   4
#define VMA_SHARED 8

static int query(long fd, uint64_t addr, struct hook_map *m, char *name,
		 size_t size)
{
	struct procmap_query q = {
		.size = sizeof(q),
		.query_addr = addr,
		.vma_name_addr = (uint64_t)name,
		.vma_name_size = name ? (uint32_t)size : 0,
	};

	if (sys_call(SYS_ioctl, fd, PROCMAP_QUERY, &q) < 0)
		return -ENOENT;
	*m = (struct hook_map){
		.start = q.vma_start,
		.end = q.vma_end,
		.read = q.vma_flags & VMA_READ,
		.write = q.vma_flags & VMA_WRITE,
		.exec = q.vma_flags & VMA_EXEC,
		.shared = q.vma_flags & VMA_SHARED,
		.file = q.inode,
	};
	return 0;
}

/* A line's fields are read one character at a time: no line has to fit
 * anywhere. */
struct reader {
	long fd;
	long n, at;
	char buffer[1024];
};

static int next(struct reader *r)
{
	if (r->at == r->n) {
		r->n = sys_call(SYS_read, r->fd, r->buffer, sizeof(r->buffer));
		r->at = 0;
		if (r->n <= 0) {
			r->n = 0;
			return -1;
		}
	}
	return (unsigned char)r->buffer[r->at++];
}

/* Reads a hexadecimal number and the character after it. */
static uint64_t number(struct reader *r, int *after)
{
	uint64_t v = 0;
	int c;

	for (;;) {
		c = next(r);
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	*after = c;
	return v;
}

/* "start-end rwxp offset dev inode   name" */
static int scan(long fd, uint64_t addr, struct hook_map *m, char *name,
		size_t size)
{
	struct reader r = { .fd = fd };
	size_t n = 0;
	int c;

	for (;;) {
		m->start = number(&r, &c);
		if (c != '-')
			return -ENOENT;
		m->end = number(&r, &c);
		m->read = next(&r) == 'r';
		m->write = next(&r) == 'w';
		m->exec = next(&r) == 'x';
		m->shared = next(&r) == 's';
		next(&r);
		number(&r, &c); /* offset */
		number(&r, &c); /* major */
		number(&r, &c); /* minor */
		m->file = number(&r, &c) != 0;
		while (c == ' ')
			c = next(&r);
		if (addr >= m->start && addr < m->end)
			break;
		while (c != '\n' && c >= 0)
			c = next(&r);
	}
	for (; name && c != '\n' && c >= 0 && n + 1 < size; c = next(&r))
		name[n++] = (char)c;
	if (name)
		name[n] = '\0';
	return 0;
}

int hook_map_find(uint64_t addr, struct hook_map *m, char *name, size_t size)
{
	long fd = sys_call(SYS_openat, AT_FDCWD, "/proc/self/maps",
			   O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -ENOENT;
	ret = query(fd, addr, m, name, size);
	if (ret < 0)
		ret = scan(fd, addr, m, name, size);
	sys_call(SYS_close, fd);
	return ret;
}
