import Differentiation
import Operations

/// What one pass through a model's layers carries beside the residual stream: which rows belong
/// together, the tape they are computed on, and what the layers share.
public struct ForwardPass {
  /// Which rows of the pass belong together.
  public let layout: SequenceLayout
  /// What the pass is recorded on.
  public let tape: Tape
  /// What mixers of lower layers left for those above.
  public let shared: SharedValues

  /// - Parameter shared: of this pass alone, and by default empty.
  public init(_ layout: SequenceLayout, on tape: Tape, shared: SharedValues = SharedValues()) {
    self.layout = layout
    self.tape = tape
    self.shared = shared
  }

  /// The same sequences, sharing the same values, on another tape: for layers that are trained
  /// apart.
  public func on(_ tape: Tape) -> ForwardPass { ForwardPass(layout, on: tape, shared: shared) }
}

/// What mixers of one pass leave for those of the layers above, by name (`SharingMixer`). One box a
/// pass, in decoding one a piece of the text.
///
/// On one tape gradients flow through it into the layer that left a value. A pass that trains each
/// layer on a tape of its own makes a box that detaches: what it holds is then a constant.
public final class SharedValues {
  private var values: [String: Variable]
  private let detaches: Bool

  /// A box that holds the given values, by default none.
  ///
  /// - Parameter detaches: Whether what is left becomes a constant.
  public init(_ values: [String: Variable] = [:], detaches: Bool = false) {
    self.values = values
    self.detaches = detaches
  }

  /// Names of all values, in a fixed order.
  public var names: [String] { values.keys.sorted() }

  /// `[tokens, width]`, one row a token of the pass; nil until a layer has left it.
  public subscript(name: String) -> Variable? { values[name] }

  /// - Precondition: no layer of the pass has left a value of this name.
  public func leave(_ value: Variable, as name: String) {
    precondition(values[name] == nil, "two layers left \"\(name)\"")
    values[name] = detaches ? Tape(isRecording: false).constant(value.value) : value
  }
}
