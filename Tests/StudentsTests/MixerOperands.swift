import Differentiation
import Operations
import Students
import TensorCore
import TestSupport

/// What a mixer may read of one layer: the stream, what the layer makes of it, and the values of
/// the first layer. Drawn apart from each other, so that each has its own effect.
struct MixerOperands: Sendable {
  static let hiddenSize = StudentCase.geometry.hiddenSize
  /// In the order of their names in `TokenMixer.gradients`.
  static let inputs: [(name: String, path: WritableKeyPath<MixerOperands, [Double]> & Sendable)] = [
    ("queries", \.queries), ("keys", \.keys), ("values", \.values), ("stream", \.stream),
    ("firstValues", \.firstValues),
  ]

  let attention: AttentionShape
  var queries, keys, values, stream, firstValues: [Double]

  init(_ attention: AttentionShape, rows: Int, seed: UInt64 = 7) {
    self.attention = attention
    var draw = TestValues(seed)
    queries = draw.normal(rows * attention.queryWidth)
    keys = draw.normal(rows * attention.keyWidth)
    values = draw.normal(rows * attention.keyWidth)
    stream = draw.normal(rows * Self.hiddenSize)
    firstValues = draw.normal(rows * attention.keyWidth)
  }

  var rows: Int { queries.count / attention.queryWidth }

  /// Every number a unit of its last place away, upwards and downwards in turn.
  var withOtherLastBits: MixerOperands {
    var other = self
    for (_, path) in Self.inputs {
      other[keyPath: path] = self[keyPath: path].enumerated().map { index, value in
        value * (1 + (index % 2 == 0 ? 0x1p-23 : -0x1p-23))
      }
    }
    return other
  }

  subscript(range: Range<Int>) -> MixerOperands {
    var part = self
    for (_, path) in Self.inputs {
      let width = self[keyPath: path].count / rows
      part[keyPath: path] = Array(
        self[keyPath: path][range.lowerBound * width..<range.upperBound * width])
    }
    return part
  }

  var tensors: (queries: Tensor, keys: Tensor, values: Tensor) {
    (tensor(\.queries), tensor(\.keys), tensor(\.values))
  }

  private func tensor(_ path: KeyPath<MixerOperands, [Double]>) -> Tensor {
    let values = self[keyPath: path]
    return Tensor(values.map(Float.init), [rows, values.count / rows])
  }

  /// Leaves where the tape records, by their names.
  func leaves(on tape: Tape) -> [String: Variable] {
    Dictionary(uniqueKeysWithValues: Self.inputs.map { ($0.name, tape.leaf(tensor($0.path))) })
  }

  func input(_ leaves: [String: Variable], layout: SequenceLayout) -> MixerInput {
    MixerInput(
      queries: leaves["queries"]!, keys: leaves["keys"]!, values: leaves["values"]!,
      layout: layout, stream: leaves["stream"]!, layer: ProjectingLayer(attention),
      shared: SharedValues(["the values of the first": leaves["firstValues"]!]))
  }

  func input(firstPosition: Int = 0, on tape: Tape) -> MixerInput {
    input(
      leaves(on: tape),
      layout: SequenceLayout(
        rows: rows, segments: [.init(start: 0, count: rows, firstPosition: firstPosition)]))
  }
}

/// A layer of random projections, the same for every test.
final class ProjectingLayer: LayerProjections {
  static let rotary = RotaryEmbedding(rotaryDim: 6, theta: 100)
  private let attention: AttentionShape

  init(_ attention: AttentionShape) { self.attention = attention }

  /// `[hiddenSize, width]`.
  static func weight(_ role: ProjectionRole, width: Int) -> [Double] {
    var draw = TestValues(41 + UInt64(ProjectionRole.allCases.firstIndex(of: role)!))
    return draw.normal(MixerOperands.hiddenSize * width, scale: 0.25)
  }

  func project(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
    let width = role == .queries ? attention.queryWidth : attention.keyWidth
    let weight = Self.weight(role, width: width).map(Float.init)
    return tape.multiply(
      x, matrix: tape.constant(Tensor(weight, [MixerOperands.hiddenSize, width])))
  }

  /// This layer normalises neither queries nor keys.
  func projectWithoutNorm(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
    project(x, role, on: tape)
  }

  func rotate(_ x: Variable, layout: SequenceLayout, on tape: Tape) -> Variable {
    tape.rotate(x, Self.rotary, headDim: attention.headDim, layout: layout)
  }
}

extension TokenMixer {
  /// The parallel form of one sequence, or of what `layout` says.
  func output(_ operands: MixerOperands, layout: SequenceLayout? = nil) -> Tensor {
    let tape = Tape(isRecording: false)
    return forward(
      operands.input(
        operands.leaves(on: tape), layout: layout ?? SequenceLayout(length: operands.rows)),
      on: tape
    ).value
  }

  /// Gradients of `sum(output * upstream)`, of parameters by name and of the inputs.
  func gradients(
    _ operands: MixerOperands, upstream: [Double], layout: SequenceLayout? = nil
  ) -> [String: Tensor] {
    let tape = Tape()
    let leaves = operands.leaves(on: tape)
    for parameter in parameters { parameter.gradient = nil }
    let output = forward(
      operands.input(leaves, layout: layout ?? SequenceLayout(length: operands.rows)), on: tape)
    tape.backward(from: [(output, Tensor(upstream.map(Float.init), output.value.shape))])
    var gradients = leaves.compactMapValues(\.gradient)
    for parameter in parameters { gradients[parameter.name] = parameter.gradient }
    return gradients
  }
}
