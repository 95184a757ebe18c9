/* SPDX-License-Identifier: BSD-2-Clause */
/* The environment that brings the hook into the next program. */
#ifndef TOAMI_HOOK_EXEC_H
#define TOAMI_HOOK_EXEC_H

/* hook_exec_start - remembers what @env says, for programs that clear it. 0 or
 * -errno. */
int hook_exec_start(char **env);

/* What the environment said, or NULL. */
const char *hook_exec_dir(void);
const char *hook_exec_vif(void);
const char *hook_exec_tier(void);
const char *hook_exec_trace(void); /* the file for `toami trace` */

/* hook_exec_loader - toami-load, beside our own file */
const char *hook_exec_loader(void);

/* hook_exec_again - before the program has begun: by toami-load. Returns not.
 */
void hook_exec_again(char **env);

struct hook_thread;

/* hook_exec_failed - takes back what was prepared for toami-load */
void hook_exec_failed(struct hook_thread *t);

#ifdef HOOK_OWN_THREADS
/* hook_exec_hide - the loader that reads @env would bring in the preloaded hook
 */
void hook_exec_hide(char **env);
#endif

#endif
