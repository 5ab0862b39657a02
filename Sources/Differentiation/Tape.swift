import Operations
import TensorCore

/// A trained tensor and its gradient, accumulated over backward passes until it is cleared.
///
/// Not `Sendable`: a parameter belongs to the training loop's thread.
public final class Parameter {
  /// As the checkpoint spells it.
  public let name: String
  public var value: Tensor
  public var gradient: Tensor?
  public var isTrainable = true

  public init(name: String, value: Tensor) {
    self.name = name
    self.value = value
  }
}

/// A tensor on a tape.
public final class Variable {
  public let value: Tensor
  /// nil when no gradient is wanted. The tape holds slots and not variables, so that a value lives
  /// only as long as some operation's gradient needs it.
  fileprivate let slot: GradientSlot?

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
    let output: GradientSlot
    /// From the output's gradient to one gradient an input, nil for those that need none.
    let backward: (Tensor) -> [Tensor?]
  }

  private var nodes: [Node] = []
  private var parameters: [(parameter: Parameter, variable: Variable)] = []
  public let isRecording: Bool

  /// - Parameter isRecording: false for inference, where nothing is kept.
  public init(isRecording: Bool = true) { self.isRecording = isRecording }

  public func constant(_ value: Tensor) -> Variable { Variable(value, requiresGradient: false) }

  /// A leaf whose gradient can be read after the backward pass.
  public func leaf(_ value: Tensor) -> Variable { Variable(value, requiresGradient: isRecording) }

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
      nodes.append(Node(inputs: inputs.map(\.slot), output: slot, backward: backward))
    }
    return variable
  }

  /// Runs the backward pass from the given gradients and adds to those of the parameters. The
  /// tape is empty afterwards.
  public func backward(from seeds: [(variable: Variable, gradient: Tensor)]) {
    for (variable, gradient) in seeds { variable.slot?.add(gradient) }
    while let node = nodes.popLast() {
      guard let gradient = node.output.gradient else { continue }
      node.output.gradient = nil
      let inputGradients = node.backward(gradient)
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
    let output = body(Tape(isRecording: false), constant(input.value)).value
    guard isRecording else { return constant(output) }
    let variable = Variable(output, requiresGradient: true)
    let (value, needsInput) = (input.value, input.requiresGradient)
    nodes.append(
      Node(inputs: [input.slot], output: variable.slot!) { gradient in
        let tape = Tape()
        let leaf = needsInput ? tape.leaf(value) : tape.constant(value)
        let again = body(tape, leaf)
        tape.backward(from: [(again, gradient)])
        return [leaf.gradient]
      })
    return variable
  }
}
