import Documents
import TensorCore

/// A model that a configuration alone describes: what its checkpoint would hold, and the values
/// that training starts from.
public struct NewModel {
  /// Sizes of the model.
  public let configuration: DecoderConfiguration
  /// Names and shapes of its tensors, as the family's checkpoints have them.
  public let tensorShapes: [(name: String, shape: [Int])]
  /// A decoder with empty weights: for what needs sizes only.
  public let sketch: Decoder
  private let family: any TeacherFamily.Type
  /// What norms start with, by their weights' names.
  private let neutralNorms: [String: Float]
  /// Of the normal distribution that matrices are drawn from.
  private let deviation: Double

  /// - Parameter document: a `config.json`.
  /// - Throws: `ModelError` for an unknown family and for everything wrong in the configuration.
  public init(_ document: JSONValue, location: String) throws {
    let reader = ConfigurationReader(document)
    deviation = reader.number("initializer_range", default: 0.02)
    let architecture: Architecture
    do {
      (family, architecture) = try TeacherFamilies.read(document, location: location)
    } catch let error as ModelError {
      throw ModelError(location: location, problems: error.problems + reader.problems)
    }
    if !reader.problems.isEmpty {
      throw ModelError(location: location, problems: reader.problems)
    }
    var shapes: [(name: String, shape: [Int])] = []
    let source = WeightSource { shapes.append(($0, $1)) }
    configuration = architecture.configuration
    sketch = Decoder(configuration: configuration, weights: architecture.weights(source))
    tensorShapes = shapes
    neutralNorms = source.neutralNorms
  }

  /// Numbers in all of its tensors.
  public var parameterCount: Int {
    tensorShapes.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }

  /// Values as transformers draws them: matrices and tables normal with `initializer_range`, GPT-2's
  /// projections into the residual stream narrower, norms without effect, biases 0.
  ///
  /// A tensor's draws depend on the seed and its name alone.
  public func initialTensors(seed: UInt64) -> [String: StoredTensor] {
    Dictionary(
      uniqueKeysWithValues: tensorShapes.map { name, shape in
        (name, StoredTensor(initialValue(name, Shape(shape), seed: seed)))
      })
  }

  private func initialValue(_ name: String, _ shape: Shape, seed: UInt64) -> Tensor {
    if shape.rank == 1 { return Tensor(repeating: neutralNorms[name] ?? 0, shape) }
    var generator = SeededGenerator(seed: seed, purpose: "initial.\(name)")
    return .normal(
      shape, deviation: deviation * family.initialScale(name, configuration), using: &generator)
  }
}
