/* cli/fault.h - a file that can no longer be read while it is mapped; a library that crashes for want of
 * memory. */
#ifndef GRAFT_CLI_FAULT_H
#define GRAFT_CLI_FAULT_H

/* From now on SIGBUS on a mapped file (cut short, or its disk failed) becomes a message that names it,
 * and exit code 8; SIGSEGV, SIGABRT and exit() within libhdf5, which uses what it could not allocate,
 * exit code 3. Any other such signal, one that another process sends included, ends the program as it
 * always did. */
void cli_fault_init(void);

#endif
