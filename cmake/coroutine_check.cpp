// Exit code 0: temporaries in co_await expressions are destroyed exactly once. Anything else: this compiler must not
// build the house. Run at configure time.
#include <coroutine>
#include <functional>

namespace {

int alive = 0;

struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  Counted(Counted&&) noexcept { ++alive; }
  ~Counted() { --alive; }
};
struct Aggregate {
  Counted counted;
  int number;
};

struct Suspended {
  static inline std::coroutine_handle<> handle;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> waiting) { handle = waiting; }
  void await_resume() {}
};
struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
  std::coroutine_handle<promise_type> handle;
};

template <class Function>
Suspended by_reference(Function&& function) {
  function();
  return {};
}
Suspended by_std_function(std::function<void()> function) {
  function();
  return {};
}
Suspended by_value(Aggregate) { return {}; }
Suspended by_const_reference(const Aggregate&) { return {}; }

Task captures() {
  Counted counted;
  co_await by_reference([counted] {});
}
Task converted_captures() {
  Counted counted;
  co_await by_std_function([counted] {});
}
Task aggregate() { co_await by_value(Aggregate{Counted{}, 1}); }
Task braces() { co_await by_const_reference({Counted{}, 1}); }

bool balanced(Task (*coroutine)()) {
  alive = 0;
  Task task = coroutine();
  Suspended::handle.resume();
  task.handle.destroy();
  return alive == 0;
}

}  // namespace

int main() {
  return balanced(captures) && balanced(converted_captures) && balanced(aggregate) && balanced(braces) ? 0 : 1;
}
