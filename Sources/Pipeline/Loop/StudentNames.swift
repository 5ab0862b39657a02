import Students
import Training
import Transformers

/// Names that a stage may find on a student, known before any stage has run.
struct StudentNames {
  /// Of what mixers train, layer by layer.
  let mixers: [String]
  /// Of the model's weights; a tied head is not among them.
  let weights: [String]
  /// Indices of the layers whose attention was replaced.
  let convertedLayers: [Int]
  /// What the stages before have added: adapters, a head of its own.
  private(set) var added: [String] = []
  /// Everything that stands on mixers, constants included.
  private let constants: [String]

  /// - Parameter student: as it is installed, before any stage.
  init(_ student: Decoder) {
    mixers = student.parameters.filter(\.parameter.isTrainable).map(\.name)
    constants = student.parameters.filter { !$0.parameter.isTrainable }.map(\.name)
    weights = student.weightShapes.map(\.name)
    convertedLayers = student.convertedLayers
  }

  var all: [String] { mixers + constants + weights + added }

  /// Names of low-rank updates of the replaced attention.
  func adapters(_ projections: [AttentionProjection]) -> [String] {
    convertedLayers.flatMap { layer in
      projections.flatMap { projection in
        ["A", "B"].map {
          "model.layers.\(layer).self_attn.\(projection.checkpointName).lora_\($0).weight"
        }
      }
    }
  }

  /// Weights of the replaced attention's projections, with biases and head norms.
  var projections: [String] {
    let prefixes = convertedLayers.map { "model.layers.\($0).self_attn." }
    return weights.filter { name in prefixes.contains { name.hasPrefix($0) } }
  }

  /// What the patterns name.
  ///
  /// - Parameter untiesHead: a tied head counts as a weight.
  func matching(_ patterns: [NamePattern], untiesHead: Bool) -> [String] {
    named(untiesHead: untiesHead).filter { name in patterns.contains { $0.matches(name) } }
  }

  func named(untiesHead: Bool) -> [String] {
    untiesHead && !all.contains(Decoder.headName) ? all + [Decoder.headName] : all
  }

  /// What a stage has trained stands on the student from then on.
  mutating func add(_ trained: [String]) {
    let known = Set(all)
    added += trained.filter { !known.contains($0) }
  }
}

extension NamePattern {
  /// Why the pattern cannot say what is trained; nil when it names something.
  ///
  /// - Parameter place: which names they are.
  func problem(among names: [String], _ place: String = "of the student") -> String? {
    if names.contains(where: matches) { return nil }
    return "no parameter \(place) is named \"\(self)\"; expected a pattern of names such as "
      + "\"\(names.first ?? "*")\""
  }
}
