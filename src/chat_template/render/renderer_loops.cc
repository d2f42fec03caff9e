// Loops: iteration, loop filters, recursion.
#include <utility>

#include "chat_template/render/renderer.h"
#include "chat_template/values/iterate.h"

namespace penstock::chat_template {

// `for x in items if condition`: yields what satisfies the condition, as it is asked for.
class LoopFilter final : public Iterator {
 public:
  LoopFilter(Renderer& renderer, const ForNode& loop, const Cursor& cursor)
      : renderer_(renderer), loop_(loop), cursor_(cursor), frame_(renderer.frame_) {}

  Result<std::optional<Value>> next(Runtime& runtime) override {
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<Value> item, cursor_.next(runtime));
      if (!item) return std::nullopt;
      Frame* caller = std::exchange(renderer_.frame_, frame_);
      Result<std::optional<Value>> kept = test(*item);
      renderer_.frame_ = caller;
      if (!kept) return kept;
      if (*kept) return kept;
    }
  }

 private:
  Result<std::optional<Value>> test(const Value& item) {
    RETURN_IF_ERROR(renderer_.assign(*loop_.filter_target, item));
    RETURN_IF_ERROR(renderer_.enter(loop_.filter_scope));
    ASSIGN_OR_RETURN(const Value condition, renderer_.eval(*loop_.filter));
    if (!truthy(condition)) return std::nullopt;
    return rebuild(*loop_.filter_target);
  }

  // The item as the loop gets it: unpacked values come as a tuple.
  Value rebuild(const Target& target) {
    if (target.kind != TargetKind::kTuple) return renderer_.variable(target.variable);
    std::vector<Value> values;
    for (const Target* part : target.items) values.push_back(rebuild(*part));
    return new_tuple(renderer_.runtime_.heap(), values);
  }

  Renderer& renderer_;
  const ForNode& loop_;
  Cursor cursor_;
  Frame* frame_;
};

Result<Loop*> Renderer::start_loop(const ForNode& loop, const Value& source, std::int64_t depth0) {
  Loop* state = runtime_.heap().make<Loop>();
  state->depth0 = depth0;
  if (loop.filter != nullptr) {
    ASSIGN_OR_RETURN(const Cursor cursor, Cursor::over(runtime_, source));
    state->items = runtime_.heap().make<LoopFilter>(*this, loop, cursor);
  } else {
    ASSIGN_OR_RETURN(state->items, make_iterator(runtime_, source));
    state->source = source;
  }
  if (loop.is_recursive) {
    state->recursive = &loop;
    state->outer = frame_;
  }
  return state;
}

Result<Renderer::Flow> Renderer::exec_for(const ForNode& loop) {
  ASSIGN_OR_RETURN(const Value source, eval(*loop.iterable));
  if (loop.is_recursive) {
    ASSIGN_OR_RETURN(const Str* text, call_loop(loop, source, 0, frame_));
    RETURN_IF_ERROR(emit(*text));
    return Flow::kNormal;
  }
  ASSIGN_OR_RETURN(Loop * state, start_loop(loop, source, 0));
  return run_loop(loop, *state);
}

Result<const Str*> Renderer::call_loop(const ForNode& loop, const Value& source,
                                       std::int64_t depth0, Frame* outer) {
  const DepthGuard guard(runtime_);
  RETURN_IF_ERROR(guard.status());
  Frame* caller = std::exchange(frame_, outer);
  Result<Loop*> state = start_loop(loop, source, depth0);
  if (!state) return std::unexpected(std::move(state).error());
  frame_ = make_frame(loop.num_slots, outer);
  text::OriginText buffer;
  text::OriginText* text = std::exchange(out_, &buffer);
  Result<Flow> flow = run_loop(loop, **state);
  out_ = text;
  frame_ = caller;
  if (!flow) return std::unexpected(std::move(flow).error());
  return keep_text(buffer);
}

Result<Renderer::Flow> Renderer::run_loop(const ForNode& loop, Loop& state) {
  // jinja2 takes a loop for empty until a round of it ran to its end.
  bool is_empty = true;
  while (true) {
    if (!runtime_.spend(1)) return runtime_.out_of_budget();
    ASSIGN_OR_RETURN(const std::optional<Value> item, state.advance(runtime_));
    if (!item) break;
    RETURN_IF_ERROR(assign(*loop.target, *item));
    variable(loop.loop) = Value(&state);
    RETURN_IF_ERROR(enter(loop.scope));
    ASSIGN_OR_RETURN(const Flow flow, exec(loop.body));
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kNormal) is_empty = false;
  }
  leave(loop.scope);
  if (!is_empty || loop.otherwise.empty()) return Flow::kNormal;
  RETURN_IF_ERROR(enter(loop.otherwise_scope));
  ASSIGN_OR_RETURN(const Flow flow, exec(loop.otherwise));
  leave(loop.otherwise_scope);
  return flow;
}

}  // namespace penstock::chat_template
