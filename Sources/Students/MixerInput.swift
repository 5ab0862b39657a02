import Differentiation
import Operations
import TensorCore

/// What of a layer's input a token mixer is made of.
public enum ProjectionRole: Sendable, CaseIterable {
  case queries
  case keys
  case values
}

/// The layer around a mixer, for mixers that project other inputs than the layer's own, or want
/// their projections without positions.
public protocol LayerProjections: AnyObject {
  /// `x`, `[tokens, hiddenSize]`, through the layer's projection: bias, adapter and the norm of
  /// queries or keys included, positions not.
  func project(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable

  /// Queries or keys with the teacher's rotary positions applied.
  ///
  /// - Precondition: the teacher has such.
  func rotate(_ x: Variable, layout: SequenceLayout, on tape: Tape) -> Variable
}

/// Values of the first layer of a forward pass that mixes with the value residual (RAD-RWKV7), on
/// their way to the layers above it. One box a forward pass, also in decoding.
///
/// On one tape gradients flow through it into the first layer. A pass that trains each layer on a
/// tape of its own makes a box that detaches: what it holds is then a constant.
public final class FirstValues {
  /// `[tokens, keyValueHeads * headDim]`; nil until a layer has left its own.
  public private(set) var values: Variable?
  private let detaches: Bool

  public init(_ values: Variable? = nil, detaches: Bool = false) {
    self.values = values
    self.detaches = detaches
  }

  /// What the first layer left; nil for the layer that now is the first, and leaves `own`.
  public func resolve(_ own: Variable) -> Variable? {
    if let values { return values }
    values = detaches ? Tape(isRecording: false).constant(own.value) : own
    return nil
  }
}

/// What a mixer is given of one layer.
///
/// Queries, keys and values are computed when they are asked for, since some students never ask.
public final class MixerInput {
  public let layout: SequenceLayout
  public let firstValues: FirstValues
  private let givenStream: Variable?
  private let layer: (any LayerProjections)?
  private var projected: [ProjectionRole: Variable]
  private let projection: (ProjectionRole) -> Variable

  /// Of given projections, positions applied.
  ///
  /// - Parameters:
  ///   - queries: `[tokens, queryHeads * headDim]`.
  ///   - keys, values: `[tokens, keyValueHeads * headDim]`.
  ///   - stream: what the projections were made of, `[tokens, hiddenSize]`; mixers that read it
  ///     need it, and a layer if they project it.
  public init(
    queries: Variable, keys: Variable, values: Variable, layout: SequenceLayout,
    stream: Variable? = nil, layer: (any LayerProjections)? = nil,
    firstValues: FirstValues = FirstValues()
  ) {
    self.layout = layout
    self.firstValues = firstValues
    givenStream = stream
    self.layer = layer
    projected = [.queries: queries, .keys: keys, .values: values]
    projection = { preconditionFailure("\($0) were given") }
  }

  /// Of a layer's input.
  ///
  /// - Parameters:
  ///   - stream: what the layer's projections read, `[tokens, hiddenSize]`.
  ///   - projection: queries, keys and values of it with positions applied; called at most once
  ///     for each.
  public init(
    stream: Variable, layer: any LayerProjections, layout: SequenceLayout,
    firstValues: FirstValues, projection: @escaping (ProjectionRole) -> Variable
  ) {
    self.layout = layout
    self.firstValues = firstValues
    givenStream = stream
    self.layer = layer
    projected = [:]
    self.projection = projection
  }

  /// `[tokens, queryHeads * headDim]`.
  public var queries: Variable { self[.queries] }
  /// `[tokens, keyValueHeads * headDim]`.
  public var keys: Variable { self[.keys] }
  /// `[tokens, keyValueHeads * headDim]`.
  public var values: Variable { self[.values] }

  private subscript(role: ProjectionRole) -> Variable {
    if let known = projected[role] { return known }
    let variable = projection(role)
    projected[role] = variable
    return variable
  }

  /// The layer's normed input, `[tokens, hiddenSize]`.
  public var stream: Variable {
    guard let givenStream else {
      preconditionFailure("no stream was given to a mixer that reads it")
    }
    return givenStream
  }

  /// See `LayerProjections.project`.
  public func project(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
    guard let layer else { preconditionFailure("no layer was given to a mixer that projects") }
    return layer.project(x, role, on: tape)
  }

  /// Queries or keys with positions of this input's layout.
  public func rotate(_ x: Variable, on tape: Tape) -> Variable {
    guard let layer else { preconditionFailure("no layer was given to a mixer that rotates") }
    return layer.rotate(x, layout: layout, on: tape)
  }

  /// Some consecutive rows as a sequence of their own, constants of what `mixer` reads.
  ///
  /// - Parameter firstPosition: of the first row.
  public func rows(_ range: Range<Int>, firstPosition: Int, for mixer: any TokenMixer)
    -> MixerInput
  {
    let tape = Tape(isRecording: false)
    let part = { (x: Variable) in tape.constant(rowsCopied(x.value, range)) }
    let layout = SequenceLayout(
      rows: range.count,
      segments: [.init(start: 0, count: range.count, firstPosition: firstPosition)])
    let first = FirstValues(firstValues.values.map(part))
    if mixer.projectsStream, let layer {
      return MixerInput(
        stream: part(stream), layer: layer, layout: layout, firstValues: first,
        projection: { preconditionFailure("\(type(of: mixer)) asks for \($0)") })
    }
    return MixerInput(
      queries: part(queries), keys: part(keys), values: part(values), layout: layout,
      stream: givenStream.map(part), layer: layer, firstValues: first)
  }

  /// Computes what `mixer` will ask for, so that `rows` may then be called from several threads.
  public func prepare(for mixer: any TokenMixer) {
    if mixer.projectsStream { return }
    for role in ProjectionRole.allCases { _ = self[role] }
  }
}

private func rowsCopied(_ x: Tensor, _ range: Range<Int>) -> Tensor {
  let width = x.shape[1]
  var result = Tensor(uninitialized: [range.count, width])
  result.withMutablePointer { result in
    x.withPointer {
      result.update(from: $0 + range.lowerBound * width, count: range.count * width)
    }
  }
  return result
}
