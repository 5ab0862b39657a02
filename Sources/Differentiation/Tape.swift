import Operations
import TensorCore

/// A trained tensor and its gradient, accumulated over backward passes until it is cleared.
///
/// Not `Sendable`: a parameter belongs to the training loop's thread.
public final class Parameter {
  /// As the checkpoint spells it.
  public let name: String
  /// The tensor as it is now; optimizers write it.
  public var value: Tensor
  /// Sum of the backward passes' gradients since it was cleared; nil before the first.
  public var gradient: Tensor?
  /// Whether tapes give it a gradient.
  public var isTrainable = true

  /// A trainable parameter without a gradient.
  public init(name: String, value: Tensor) {
    self.name = name
    self.value = value
  }
}

/// A tensor on a tape.
public final class Variable {
  /// What the operation gave.
  public let value: Tensor
  /// nil when no gradient is wanted. The tape holds slots and not variables, so that a value lives
  /// only as long as some operation's gradient needs it.
  fileprivate let slot: GradientSlot?

  /// Whether a backward pass gives it a gradient.
  public var requiresGradient: Bool { slot != nil }
  /// Of a leaf, after the backward pass.
  public var gradient: Tensor? { slot?.gradient }

  fileprivate init(_ value: Tensor, requiresGradient: Bool) {
    self.value = value
    slot = requiresGradient ? GradientSlot() : nil
  }
}

/// Where the gradient of a variable is summed while a backward pass runs.
private final class GradientSlot {
  var gradient: Tensor?

  func add(_ addend: Tensor) {
    if gradient == nil {
      gradient = addend
    } else {
      accumulate(addend, into: &gradient!)
    }
  }
}

/// Records operations as they are computed and replays their gradients in reverse.
///
/// A node is kept only if some input needs a gradient, so a pass through frozen weights costs no
/// memory; intermediate tensors are freed as the backward pass leaves them.
public final class Tape {
  private struct Node {
    let inputs: [GradientSlot?]
    /// One, but for a checkpointed computation and operations that say several things.
    let outputs: [GradientSlot]
    /// From the outputs' gradients, of which one at least is there, to one gradient an input, nil
    /// for those that need none.
    let backward: ([Tensor?]) -> [Tensor?]
  }

  private var nodes: [Node] = []
  private var parameters: [(parameter: Parameter, variable: Variable)] = []
  /// Whether operations are kept for a backward pass.
  public let isRecording: Bool

  /// Whether every row of a product with weights has the bits that it has alone.
  public let keepsRowsApart: Bool

  /// - Parameters:
  ///   - isRecording: false for inference, where nothing is kept.
  ///   - keepsRowsApart: true for rows of sequences that are decoded together.
  public init(isRecording: Bool = true, keepsRowsApart: Bool = false) {
    self.isRecording = isRecording
    self.keepsRowsApart = keepsRowsApart
  }

  /// A value without a gradient.
  public func constant(_ value: Tensor) -> Variable { Variable(value, requiresGradient: false) }

  /// A leaf whose gradient can be read after the backward pass.
  public func leaf(_ value: Tensor) -> Variable { Variable(value, requiresGradient: isRecording) }

  /// A parameter's value; of one that is trained the same variable every time it is asked for.
  public func parameter(_ parameter: Parameter) -> Variable {
    if let known = parameters.first(where: { $0.parameter === parameter }) { return known.variable }
    let variable = Variable(
      parameter.value, requiresGradient: isRecording && parameter.isTrainable)
    if variable.requiresGradient { parameters.append((parameter, variable)) }
    return variable
  }

  /// Puts the result of an operation on the tape.
  ///
  /// - Parameter backward: the operation's gradient, given that of its output; it is called at
  ///   most once, and only for outputs that the loss depends on.
  public func record(
    _ inputs: [Variable], _ output: Tensor, backward: @escaping (Tensor) -> [Tensor?]
  ) -> Variable {
    let needed = isRecording && inputs.contains { $0.requiresGradient }
    let variable = Variable(output, requiresGradient: needed)
    if let slot = variable.slot {
      nodes.append(
        Node(inputs: inputs.map(\.slot), outputs: [slot]) { backward($0[0]!) })
    }
    return variable
  }

  /// Puts the results of an operation that has several on the tape.
  ///
  /// - Parameter backward: gradients of the inputs, given those of the outputs: nil where the loss
  ///   does not depend on one. It is called at most once, and only if it depends on some.
  public func record(
    _ inputs: [Variable], outputs: [Tensor], backward: @escaping ([Tensor?]) -> [Tensor?]
  ) -> [Variable] {
    let needed = isRecording && inputs.contains { $0.requiresGradient }
    let variables = outputs.map { Variable($0, requiresGradient: needed) }
    if needed {
      nodes.append(
        Node(inputs: inputs.map(\.slot), outputs: variables.map { $0.slot! }, backward: backward))
    }
    return variables
  }

  /// Runs the backward pass from the given gradients and adds to those of the parameters. The
  /// tape is empty afterwards.
  public func backward(from seeds: [(variable: Variable, gradient: Tensor)]) {
    for (variable, gradient) in seeds { variable.slot?.add(gradient) }
    while let node = nodes.popLast() {
      let gradients = node.outputs.map(\.gradient)
      if gradients.allSatisfy({ $0 == nil }) { continue }
      for output in node.outputs { output.gradient = nil }
      let inputGradients = node.backward(gradients)
      precondition(inputGradients.count == node.inputs.count)
      for (input, gradient) in zip(node.inputs, inputGradients) {
        if let gradient { input?.add(gradient) }
      }
    }
    for (parameter, variable) in parameters {
      guard let slot = variable.slot, let gradient = slot.gradient else { continue }
      if parameter.gradient == nil {
        parameter.gradient = gradient
      } else {
        accumulate(gradient, into: &parameter.gradient!)
      }
      slot.gradient = nil
    }
    parameters = []
  }

  /// Computes `body` without keeping its intermediate tensors; the backward pass computes it
  /// again, so it must depend on nothing that changes in between (Chen et al. 2016, arXiv
  /// 1604.06174).
  public func checkpointed(_ input: Variable, _ body: @escaping (Tape, Variable) -> Variable)
    -> Variable
  {
    checkpointed([input]) { [body($0, $1[0])] }[0]
  }

  /// The same for a `body` that reads and makes several variables. Gradients reach it through its
  /// arguments and results alone: what it captures must need none.
  public func checkpointed(
    _ inputs: [Variable], _ body: @escaping (Tape, [Variable]) -> [Variable]
  ) -> [Variable] {
    let outputs = body(Tape(isRecording: false), inputs.map { constant($0.value) }).map(\.value)
    guard isRecording else { return outputs.map(constant) }
    let variables = outputs.map { Variable($0, requiresGradient: true) }
    let arguments = inputs.map { (value: $0.value, isWanted: $0.requiresGradient) }
    nodes.append(
      Node(inputs: inputs.map(\.slot), outputs: variables.map { $0.slot! }) { gradients in
        let tape = Tape()
        let leaves = arguments.map { $0.isWanted ? tape.leaf($0.value) : tape.constant($0.value) }
        let seeds = zip(body(tape, leaves), gradients).compactMap { again, gradient in
          gradient.map { (again, $0) }
        }
        tape.backward(from: seeds)
        return leaves.map(\.gradient)
      })
    return variables
  }
}
