import Differentiation
import Operations
import TensorCore

/// Feeds a recurrent memory every token when it leaves the window beside it: what the memory is given
/// at `i` is what stood at `i − size`, and the sinks, which never leave the window, are left out.
struct KeyDelay {
  /// Tokens of the window.
  let size: Int
  let sinks: Int

  /// nil for a memory of all keys.
  ///
  /// - Precondition: a window that keys leave slides.
  init?(_ keys: BranchKeys) {
    switch keys {
    case .all: return nil
    case .older(.sliding(let size), let sinks): (self.size, self.sinks) = (size, sinks)
    case .older(let window, _): preconditionFailure("keys leave \(window) together, not in turn")
    }
  }

  /// `x`, `[tokens, width]`, late: zeros where nothing has left the window.
  ///
  /// - Parameter name: of `x` in a memory, which keeps what is still in the window.
  func apply(
    _ x: Variable, _ name: String, layout: SequenceLayout, memory: inout Memory?, on tape: Tape
  ) -> Variable {
    tape.delayRows(
      x, by: size, skipping: sinks, layout: layout, memory: &memory, Self.name(name))
  }

  /// Adds what `apply` remembers of an empty past.
  func add(_ name: String, width: Int, to memory: inout Memory) {
    memory.add(Self.name(name), Tensor(zeros: [size, width]))
  }

  private static func name(_ name: String) -> String { "delayed_" + name }
}
