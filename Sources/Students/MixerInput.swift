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

  /// The same before the norm of queries or keys.
  func projectWithoutNorm(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable

  /// Queries or keys with the teacher's rotary positions applied.
  ///
  /// - Precondition: the teacher has such.
  func rotate(_ x: Variable, layout: SequenceLayout, on tape: Tape) -> Variable
}

/// What a mixer is given of one layer.
///
/// Queries, keys and values are computed when they are asked for, since some students never ask.
public final class MixerInput {
  /// Which rows belong together, and their positions.
  public let layout: SequenceLayout
  /// What the layers of the pass share.
  public let shared: SharedValues
  private let givenStream: Variable?
  private let layer: (any LayerProjections)?
  private var projected: [ProjectionRole: Variable]
  private let projection: (ProjectionRole) -> Variable

  /// Of given projections, positions applied.
  ///
  /// - Parameters:
  ///   - queries: `[tokens, queryHeads * headDim]`.
  ///   - keys: `[tokens, keyValueHeads * headDim]`.
  ///   - values: as `keys`.
  ///   - stream: what the projections were made of, `[tokens, hiddenSize]`; mixers that read it
  ///     need it, and a layer if they project it.
  public init(
    queries: Variable, keys: Variable, values: Variable, layout: SequenceLayout,
    stream: Variable? = nil, layer: (any LayerProjections)? = nil,
    shared: SharedValues = SharedValues()
  ) {
    self.layout = layout
    self.shared = shared
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
    stream: Variable, layer: any LayerProjections, pass: ForwardPass,
    projection: @escaping (ProjectionRole) -> Variable
  ) {
    layout = pass.layout
    shared = pass.shared
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

  /// See `LayerProjections.projectWithoutNorm`.
  public func projectWithoutNorm(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
    guard let layer else { preconditionFailure("no layer was given to a mixer that projects") }
    return layer.projectWithoutNorm(x, role, on: tape)
  }

  /// Queries or keys with positions of this input's layout.
  public func rotate(_ x: Variable, on tape: Tape) -> Variable {
    guard let layer else { preconditionFailure("no layer was given to a mixer that rotates") }
    return layer.rotate(x, layout: layout, on: tape)
  }

  /// Some consecutive rows as a sequence of their own, constants of what `mixer` reads.
  ///
  /// - Parameters:
  ///   - firstPosition: of the first row.
  ///   - sharing: what the layers of that sequence's own pass share; nil for the rows of what this
  ///     input's layers do.
  public func rows(
    _ range: Range<Int>, firstPosition: Int, for mixer: any TokenMixer,
    sharing: SharedValues? = nil
  ) -> MixerInput {
    let tape = Tape(isRecording: false)
    let part = { (x: Variable) in tape.constant(copiedRows(x.value, range)) }
    let whole = self.layout.segments.first { $0.rows.contains(range.lowerBound) }
    let layout = SequenceLayout(
      rows: range.count,
      segments: [
        .init(
          start: 0, count: range.count, firstPosition: firstPosition, context: whole?.context ?? 0)
      ])
    let shared =
      sharing
      ?? SharedValues(
        Dictionary(uniqueKeysWithValues: self.shared.names.map { ($0, part(self.shared[$0]!)) }))
    if mixer is any StreamMixer, let layer {
      return MixerInput(
        stream: part(stream), layer: layer, pass: ForwardPass(layout, on: tape, shared: shared),
        projection: { preconditionFailure("\(type(of: mixer)) asks for \($0)") })
    }
    return MixerInput(
      queries: part(queries), keys: part(keys), values: part(values), layout: layout,
      stream: givenStream.map(part), layer: layer, shared: shared)
  }

  /// Computes what `mixer` will ask for, so that `rows` may then be called from several threads.
  public func prepare(for mixer: any TokenMixer) {
    if mixer is any StreamMixer { return }
    for role in ProjectionRole.allCases { _ = self[role] }
  }
}
