// Starting a program as our child: in a process group of its own (a Ctrl-C at the terminal reaches the supervisor
// alone), killed by the kernel when we die (PR_SET_PDEATHSIG), with nothing inherited but what is listed here:
// standard input from /dev/null, standard output and error into one pipe, descriptor 3 to say that it is ready, and
// descriptor 4 with the server key, for the one that gets it.
// Law: call from the program's first thread only. The death signal is bound to the thread that forked.
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "base/secret.h"
#include "cli/descriptor.h"
#include "cli/services.h"

namespace maestro::cli {

inline constexpr int ready_descriptor = 3;
inline constexpr int key_descriptor = 4;

struct Process {
  pid_t pid = 0;
  Descriptor pidfd{};   // readable when it has ended
  Descriptor output{};  // non-blocking
  Descriptor ready{};   // non-blocking
};

Result<Process> start_process(const ServiceStart& start, const Secret& key);

}  // namespace maestro::cli
