/* SPDX-License-Identifier: BSD-2-Clause */
/* See code.h. */
#include "fabric/code.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* As for the segment: far from the program's own text. */
#define MAP_HINT UINT64_C(0x210000000000)

int fabric_code_create(unsigned char **writable)
{
	long fd = sys_call(SYS_memfd_create, "toami-code",
			   MFD_CLOEXEC | MFD_ALLOW_SEALING);
	long at, err;

	if (fd < 0)
		return (int)fd;
	err = sys_call(SYS_ftruncate, fd, FABRIC_CODE_BYTES);
	if (err)
		goto fail;
	at = sys_call(SYS_mmap, 0, FABRIC_CODE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (at < 0) {
		err = at;
		goto fail;
	}
	err = sys_call(SYS_fcntl, fd, F_ADD_SEALS,
		       F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE |
			       F_SEAL_SEAL);
	if (err) {
		sys_call(SYS_munmap, at, FABRIC_CODE_BYTES);
		goto fail;
	}
	*writable = (unsigned char *)at;
	return (int)fd;
fail:
	sys_call(SYS_close, fd);
	return (int)err;
}

void fabric_code_map(struct fabric *f, int fd)
{
	long at = sys_call(SYS_mmap, MAP_HINT, FABRIC_CODE_BYTES,
			   PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);

	f->code = NULL;
	if (at < 0)
		return;
	f->code = (const unsigned char *)at;
	sys_call(SYS_madvise, at, FABRIC_CODE_BYTES, MADV_DONTDUMP);
}

void fabric_code_unmap(struct fabric *f)
{
	if (f->code)
		sys_call(SYS_munmap, f->code, FABRIC_CODE_BYTES);
	f->code = NULL;
}
