/* SPDX-License-Identifier: BSD-2-Clause */
/* Making, sealing and mapping the segment; see segment.h. */
#include "fabric/segment.h"
#include "fabric/code.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#define PAGE 4096

/*
 * Where the segment is mapped if that is free: far from the program's text and
 * libraries. The hook needs room within 2 GiB of those, and the kernel would
 * put us right there.
 */
#define MAP_HINT UINT64_C(0x200000000000)

static uint64_t page_up(uint64_t n)
{
	return (n + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

/* Lays the tables out behind each other; returns the segment's size. */
static uint64_t lay_out(struct fabric_header *h)
{
	uint64_t at = page_up(sizeof(*h));

	h->offset_procs = at;
	at += page_up(sizeof(struct fabric_proc) * FABRIC_PROC_MAX);
	h->offset_ctxs = at;
	at += page_up(sizeof(struct fabric_ctx) * FABRIC_CTX_MAX);
	h->offset_hosts = at;
	at += page_up(sizeof(struct fabric_host) * FABRIC_HOST_MAX);
	h->offset_addrs = at;
	at += page_up(sizeof(struct fabric_addr) * FABRIC_ADDR_MAX);
	for (int t = 0; t < FABRIC_TABLES; t++) {
		h->offset_table[t] = at;
		at += page_up((uint64_t)h->table[t].stride *
			      h->table[t].capacity);
	}
	h->offset_frames = at;
	at += page_up((uint64_t)FRAME_BYTES * FABRIC_FRAME_MAX);
	h->offset_chunks = at;
	at += page_up(sizeof(struct chunk) * (uint64_t)FABRIC_CHUNK_MAX);
	h->offset_bytes = at;
	at += (uint64_t)CHUNK_BYTES * FABRIC_CHUNK_MAX;
	return at;
}

/* A number that differs whenever two builds would disagree about the segment.
 */
static uint64_t layout_hash(const struct fabric_header *h)
{
	static const uint64_t key[2] = { FABRIC_MAGIC, FABRIC_ABI };
	uint64_t v[8 + FABRIC_TABLES] = {
		sizeof(struct fabric_header), sizeof(struct fabric_proc),
		sizeof(struct fabric_ctx),    sizeof(struct fabric_host),
		sizeof(struct fabric_addr),   sizeof(struct frame),
		sizeof(struct chunk),	      h->size,
	};

	for (int t = 0; t < FABRIC_TABLES; t++)
		v[8 + t] = (uint64_t)h->table[t].capacity << 32 |
			   h->table[t].stride;
	return siphash(key, v, ARRAY_SIZE(v));
}

static void set_views(struct fabric *f, unsigned char *base)
{
	struct fabric_header *h = (struct fabric_header *)base;

	f->header = h;
	f->procs = (struct fabric_proc *)(base + h->offset_procs);
	f->ctxs = (struct fabric_ctx *)(base + h->offset_ctxs);
	f->hosts = (struct fabric_host *)(base + h->offset_hosts);
	f->addrs = (struct fabric_addr *)(base + h->offset_addrs);
	for (int t = 0; t < FABRIC_TABLES; t++)
		f->table[t] = (struct slot_table){ &h->pool[t],
						   base + h->offset_table[t],
						   h->table[t].stride };
	f->arena = (struct arena){
		.shared = &h->arena,
		.frames = base + h->offset_frames,
		.chunks = (struct chunk *)(base + h->offset_chunks),
		.bytes = base + h->offset_bytes,
	};
}

/* Returns the mapping, or a negative errno as an address. */
static long map(int memfd, uint64_t size)
{
	long at = sys_call(SYS_mmap, MAP_HINT, size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_NORESERVE, memfd, 0);

	/* Core dumps of a program leave the fabric out; huge pages are a
	 * favour. */
	if (at > 0) {
		sys_call(SYS_madvise, at, size, MADV_DONTDUMP);
		sys_call(SYS_madvise, at, size, MADV_HUGEPAGE);
	}
	return at;
}

int fabric_create(struct fabric *f, const struct fabric_params *params)
{
	struct fabric_header h = { 0 }, *seg;
	long memfd, at, err;

	for (int t = 0; t < FABRIC_TABLES; t++) {
		h.table[t] = params->table[t];
		h.table[t].stride = (h.table[t].stride + CACHE_LINE - 1) &
				    ~(uint32_t)(CACHE_LINE - 1);
	}
	h.size = lay_out(&h);
	h.layout_hash = layout_hash(&h);

	memfd = sys_call(SYS_memfd_create, "toami-fabric",
			 MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return (int)memfd;
	err = sys_call(SYS_ftruncate, memfd, h.size);
	if (!err)
		err = sys_call(SYS_fcntl, memfd, F_ADD_SEALS,
			       F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	if (err)
		goto fail;
	at = map((int)memfd, h.size);
	if (at < 0) {
		err = at;
		goto fail;
	}

	seg = (struct fabric_header *)at;
	*seg = h;
	seg->magic = FABRIC_MAGIC;
	seg->abi = FABRIC_ABI;
	seg->cores = params->cores;
	seg->daemon_pid = (uint32_t)sys_call(SYS_getpid);
	sys_call(SYS_getrandom, &seg->id, sizeof(seg->id), 0);
	clock_calibrate(&seg->clock);
	atomic_store(&seg->ctx_end, 1);
	atomic_store(&seg->host_end, 1);
	atomic_store(&seg->daemon_plan_ns, UINT64_MAX);
	arena_shared_init(&seg->arena, FABRIC_FRAME_MAX, FABRIC_CHUNK_MAX);
	for (int t = 0; t < FABRIC_TABLES; t++)
		slot_pool_init(&seg->pool[t], h.table[t].capacity);
	set_views(f, (unsigned char *)at);
	return (int)memfd;
fail:
	sys_call(SYS_close, memfd);
	return (int)err;
}

int fabric_map(struct fabric *f, int memfd)
{
	struct fabric_header h;
	long n = sys_call(SYS_pread64, memfd, &h, sizeof(h), 0), at;

	if (n < 0)
		return (int)n;
	if (n != sizeof(h) || h.magic != FABRIC_MAGIC || h.abi != FABRIC_ABI ||
	    h.layout_hash != layout_hash(&h))
		return -EPROTO;
	at = map(memfd, h.size);
	if (at < 0)
		return (int)at;
	set_views(f, (unsigned char *)at);
	return 0;
}

void fabric_unmap(struct fabric *f)
{
	if (!f->header)
		return;
	sys_call(SYS_munmap, f->header, f->header->size);
	f->header = NULL;
	fabric_code_unmap(f);
}

host_ix fabric_host_alloc(struct fabric *f, vif_ix vif)
{
	for (host_ix ix = 1; ix < FABRIC_HOST_MAX; ix++) {
		struct fabric_host *h = &f->hosts[ix];

		if (atomic_load(&h->state) != FABRIC_HOST_FREE)
			continue;
		h->vif = vif;
		h->generation++;
		atomic_store(&h->state, FABRIC_HOST_UP);
		if (ix >= atomic_load(&f->header->host_end))
			atomic_store(&f->header->host_end, ix + 1);
		return ix;
	}
	return 0;
}

void fabric_host_free(struct fabric *f, host_ix ix)
{
	struct fabric_host *h = &f->hosts[ix];

	atomic_store(&h->state, FABRIC_HOST_FREE);
	atomic_store(&h->backlog, 0);
	atomic_store(&h->backlog_frames, 0);
	atomic_store(&h->port, 0);
	atomic_store(&h->port_asleep, 0);
	atomic_store(&h->lock.word, 0);
}

proc_ix fabric_proc_alloc(struct fabric *f, enum fabric_proc_state state)
{
	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX; ix++) {
		struct fabric_proc *p = &f->procs[ix];
		uint32_t expected = FABRIC_PROC_FREE;

		if (atomic_load_explicit(&p->state, memory_order_relaxed) !=
		    FABRIC_PROC_FREE)
			continue;
		if (atomic_compare_exchange_strong(&p->state, &expected,
						   (uint32_t)state)) {
			p->generation++;
			return ix;
		}
	}
	return 0;
}
