#include "cli/process.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/pidfd.h"

namespace maestro::cli {
namespace {

constexpr int first_free_descriptor = 10;  // above every number that a child gets by contract

Error failure(std::string_view what) {
  return {ErrorKind::internal, std::string(what) + " failed: " + std::generic_category().message(errno)};
}

struct Pipe {
  Descriptor read{};
  Descriptor write{};
};

Result<Descriptor> lifted(Descriptor low) {
  Descriptor high{::fcntl(low.get(), F_DUPFD_CLOEXEC, first_free_descriptor)};
  if (!high.open()) return failure("fcntl");
  return high;
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failure("pipe2");
  auto read = lifted(Descriptor{ends[0]});
  auto write = lifted(Descriptor{ends[1]});
  if (!read) return read.error();
  if (!write) return write.error();
  return Pipe{std::move(*read), std::move(*write)};
}

Result<Pipe> pipe_with(const Secret& key) {
  auto pipe = make_pipe();
  if (!pipe) return pipe.error();
  const auto text = key.reveal();  // shorter than any pipe's buffer
  if (::write(pipe->write.get(), text.data(), text.size()) != std::ssize(text)) return failure("write");
  pipe->write.close();
  return pipe;
}

struct Inherited {
  int null;
  int output;
  int ready;
  int key;  // -1: none
};

// Between fork and exec: system calls only.
[[noreturn]] void become(char* const* arguments, char* const* environment, const Inherited& from, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // died before the line above
  ::setpgid(0, 0);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD}) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool moved = ::dup2(from.null, STDIN_FILENO) >= 0 && ::dup2(from.output, STDOUT_FILENO) >= 0 &&
                     ::dup2(from.output, STDERR_FILENO) >= 0 && ::dup2(from.ready, ready_descriptor) >= 0 &&
                     (from.key < 0 || ::dup2(from.key, key_descriptor) >= 0);
  const unsigned first_hidden = from.key < 0 ? key_descriptor : key_descriptor + 1;
  if (!moved || ::close_range(first_hidden, ~0U, CLOSE_RANGE_CLOEXEC) != 0) ::_exit(127);
  ::execve(arguments[0], arguments, environment);
  const char* why = std::strerror(errno);
  for (const char* text : {"cannot run ", static_cast<const char*>(arguments[0]), ": ", why, "\n"}) {
    if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) break;
  }
  ::_exit(127);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

Result<void> make_nonblocking(const Descriptor& descriptor) {
  if (::fcntl(descriptor.get(), F_SETFL, O_NONBLOCK) != 0) return failure("fcntl");
  return success();
}

}  // namespace

Result<Process> start_process(const ServiceStart& start, const Secret& key) {
  auto output = make_pipe();
  auto ready = make_pipe();
  if (!output) return output.error();
  if (!ready) return ready.error();
  if (auto set = make_nonblocking(output->read); !set) return set.error();
  if (auto set = make_nonblocking(ready->read); !set) return set.error();
  auto null = lifted(Descriptor{::open("/dev/null", O_RDONLY | O_CLOEXEC)});
  if (!null) return null.error();

  std::vector<std::string> words{start.program.string()};
  words.insert(words.end(), start.arguments.begin(), start.arguments.end());
  words.insert(words.end(), {"--ready-fd", std::to_string(ready_descriptor)});
  Pipe key_pipe;
  if (start.key == KeyHandover::descriptor && !key.empty()) {
    auto filled = pipe_with(key);
    if (!filled) return filled.error();
    key_pipe = std::move(*filled);
    words.insert(words.end(), {"--api-key-fd", std::to_string(key_descriptor)});
  }
  std::vector<std::string> variables;
  for (const auto& [name, value] : start.environment) variables.push_back(name + "=" + value);
  const auto arguments = pointers_to(words);
  const auto environment = pointers_to(variables);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return failure("fork");
  if (pid == 0) {
    become(arguments.data(), environment.data(),
           {null->get(), output->write.get(), ready->write.get(), key_pipe.read.get()}, parent);
  }
  Process process;
  process.pid = pid;
  process.pidfd = Descriptor{::pidfd_open(pid, 0)};
  process.output = std::move(output->read);
  process.ready = std::move(ready->read);
  if (process.pidfd.open()) return process;
  const Error error = failure("pidfd_open");
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return error;
}

}  // namespace maestro::cli
