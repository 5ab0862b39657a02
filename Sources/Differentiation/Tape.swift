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
  public let requiresGradient: Bool
  /// Set while a backward pass runs, for leaves and for what is still to be visited.
  public fileprivate(set) var gradient: Tensor?

  fileprivate init(_ value: Tensor, requiresGradient: Bool) {
    self.value = value
    self.requiresGradient = requiresGradient
  }
}

/// Records operations as they are computed and replays their gradients in reverse.
///
/// A node is kept only if some input needs a gradient, so a pass through frozen weights costs no
/// memory; intermediate tensors are freed as the backward pass leaves them.
public final class Tape {
  private struct Node {
    let inputs: [Variable]
    let output: Variable
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
    if needed { nodes.append(Node(inputs: inputs, output: variable, backward: backward)) }
    return variable
  }

  /// Runs the backward pass from the given gradients and adds to those of the parameters. The
  /// tape is empty afterwards.
  public func backward(from seeds: [(variable: Variable, gradient: Tensor)]) {
    for (variable, gradient) in seeds where variable.requiresGradient {
      Self.add(gradient, to: &variable.gradient)
    }
    while let node = nodes.popLast() {
      guard let gradient = node.output.gradient else { continue }
      node.output.gradient = nil
      let inputGradients = node.backward(gradient)
      precondition(inputGradients.count == node.inputs.count)
      for (input, gradient) in zip(node.inputs, inputGradients) where input.requiresGradient {
        guard let gradient else { continue }
        Self.add(gradient, to: &input.gradient)
      }
    }
    for (parameter, variable) in parameters {
      guard let gradient = variable.gradient else { continue }
      Self.add(gradient, to: &parameter.gradient)
      variable.gradient = nil
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
    nodes.append(
      Node(inputs: [input], output: variable) { gradient in
        let tape = Tape()
        let leaf = input.requiresGradient ? tape.leaf(input.value) : tape.constant(input.value)
        let again = body(tape, leaf)
        tape.backward(from: [(again, gradient)])
        return [leaf.gradient]
      })
    return variable
  }

  private static func add(_ gradient: Tensor, to total: inout Tensor?) {
    if total == nil {
      total = gradient
    } else {
      accumulate(gradient, into: &total!)
    }
  }
}
