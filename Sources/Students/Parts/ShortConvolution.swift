import Differentiation
import Documents
import Operations
import TensorCore

/// `SiLU` of a causal convolution of every channel over the last four tokens, as Qwen3.5's gated delta
/// net has it on queries, keys and values.
struct ShortConvolution {
  /// Tokens that an output is made of.
  static let taps = 4

  let weight: Parameter
  private let name: String

  /// - Parameters:
  ///   - name: of the parameter, and of what is remembered.
  ///   - tap: what a token itself is multiplied by at first; the tokens before count nothing.
  init(_ name: String, width: Int, tap: Float) {
    self.name = name
    weight = Parameter(
      name: "\(name).weight",
      value: Tensor(
        (0..<width).flatMap { _ in [Float](repeating: 0, count: Self.taps - 1) + [tap] },
        [width, 1, Self.taps]))
  }

  static func initialTap(_ reader: DocumentReader) -> Double {
    reader.number(
      "initialTap", in: 0.01...10, default: 1,
      "What the short convolutions multiply a token itself by before training; the smaller, the "
        + "less SiLU bends queries, keys and values")
  }

  private var width: Int { weight.value.shape[0] }

  /// What is convolved is kept, and what becomes of it.
  var cost: MixerCost {
    MixerCost(operations: 2 * Double(width * Self.taps)) + .kept(2 * width)
  }

  /// - Parameter x: `[tokens, width]`.
  func apply(_ x: Variable, layout: SequenceLayout, memory: inout Memory?, on tape: Tape)
    -> Variable
  {
    tape.activation(
      tape.shortConvolution(
        x, weight: tape.parameter(weight), layout: layout, memory: &memory, name), .silu)
  }

  /// Adds what `apply` remembers of an empty past.
  func add(to memory: inout Memory) {
    memory.add(name, Tensor(zeros: [Self.taps - 1, width]))
  }
}
