import Documents
import Students
import Transformers

/// A whole conversion as a document: teacher, text, student, stages.
public struct Recipe: Sendable {
  /// What the run and its report are called.
  public var name: String
  /// What the recipe does, in a sentence; nil when it does not say.
  public var description: String?
  /// Every draw of the run is keyed by this seed, the step and its purpose.
  public var seed: Int
  /// Folder of the run, relative to the current directory.
  public var output: String
  /// The model that is converted, or a new one's configuration.
  public var teacher: TeacherSpecification
  /// Text, and how it becomes sequences.
  public var data: DataSpecification
  /// nil: the model keeps softmax attention, to be pretrained.
  public var student: StudentSpecification?
  /// In the order in which they are carried out.
  public var stages: [RecipeStage]

  /// Reads every section and reports what is wrong in each and between them.
  public init(_ reader: DocumentReader) {
    name = reader.string("name", "What the run and its report are called.")
    description = reader.optionalString(
      "description", "What the recipe does, in a sentence.")
    seed = reader.integer(
      "seed", default: 42, "Every draw of the run is keyed by this number.")
    output = reader.string(
      "output", default: "runs/\(name.isEmpty ? "NAME" : name)",
      "Folder of the run, relative to the current directory.")
    teacher = reader.object(
      "teacher", "The softmax transformer that is converted, or a new model's configuration.",
      TeacherSpecification.init)
    data = reader.object("data", "The text, and how it becomes sequences.", DataSpecification.init)
    student = reader.optionalObject(
      "student", "The attention that takes the softmax's place; null keeps it, for \"pretrain\".",
      StudentSpecification.init)
    stages = Self.stages(reader)
    if output.isEmpty { reader.report("output", "is empty; expected the folder of the run") }
    reportOrder(to: reader)
    reportMissingData(to: reader)
    reportLengths(to: reader)
    reportPretraining(to: reader)
    reportSelection(to: reader)
  }

  /// Whether a model is trained from the start instead of converted.
  public var isPretraining: Bool { stages.arePretraining }

  /// Stages with their ids; a mistaken one leaves a gap.
  private static func stages(_ reader: DocumentReader) -> [RecipeStage] {
    var identifiers = StageIdentifiers()
    return reader.objects("stages", minimum: 1, "What is done to the student, in order.") {
      reader -> (id: String, specification: any StageSpecification)? in
      let given = reader.optionalString(
        "id",
        "Tells the stage apart: files, metrics and --set name it by this. Unless given, the stage's "
          + "name, with a number behind it where it repeats.")
      guard let stage = StageRegistry.read(reader) else { return nil }
      if let given, let problem = identifiers.problem(with: given) { reader.report("id", problem) }
      let id = identifiers.next(stage.name, given: given)
      reader.spell("id", as: .string(id))
      return (id, stage)
    }.enumerated().compactMap { index, stage in
      stage.map { RecipeStage(id: $0.id, index: index, specification: $0.specification) }
    }
  }

  /// Stages stand in any order in which each can do its work.
  private func reportOrder(to reader: DocumentReader) {
    for (place, stage) in stages.enumerated() {
      guard let problem = stage.specification.problem(after: Array(stages[..<place])) else {
        continue
      }
      reader.report("stages[\(stage.index)]", "\(stage.described) \(problem)")
    }
  }

  /// Either the recipe says which layers keep softmax, or a stage finds out.
  private func reportSelection(to reader: DocumentReader) {
    guard let stage = stages.first(where: { $0.specification is SoftmaxLayerSelection }),
      student?.softmaxLayers.isEmpty == false
    else { return }
    reader.report(
      "student.softmaxLayers",
      "is given beside the stage \"\(stage.id)\", which chooses these layers; remove one of the two"
    )
  }

  private func reportPretraining(to reader: DocumentReader) {
    guard isPretraining else {
      if student == nil, !reader.isGiven("student") {
        reader.report(
          "student",
          "is missing; expected the attention that takes the softmax's place (only the stage "
            + "\"\(Pretrain.name)\" does without)")
      }
      if teacher.configuration != nil {
        reader.report(
          "stages",
          "do not train the weights of teacher.configuration; expected the stage "
            + "\"\(Pretrain.name)\", or a checkpoint as teacher.path")
      }
      return
    }
    if student?.isCalibrated == true {
      reader.report(
        "student",
        "asks for a start that is computed of the teacher's attention (decayStart, gateStart; mamba-2 "
          + "has no other), but \"\(Pretrain.name)\" trains a model that has none yet; leave it out"
      )
    }
    for stage in stages
    where [.selection, .transfer, .adaptation].contains(stage.specification.phase) {
      reader.report(
        "stages[\(stage.index)]",
        "\"\(stage.name)\" is beside \"\(Pretrain.name)\"; convert the "
          + "folder that it writes with a recipe of its own")
    }
    guard let document = teacher.configuration else { return }
    do {
      let model = try NewModel(document, location: "")
      if model.configuration.isEncoder {
        reader.report(
          "teacher.configuration",
          "describes an encoder (\(model.configuration.family)), which predicts no next token; the "
            + "stage \"\(Pretrain.name)\" trains decoders")
      }
      let maximum = model.configuration.maximumPositions
      if data.packing.sequenceLength > maximum {
        reader.report(
          "data.sequenceLength",
          "found \(data.packing.sequenceLength), expected at most the \(maximum) positions of "
            + "teacher.configuration")
      }
      if let student {
        try model.sketch.install(student, seed: UInt64(max(0, seed)), location: "")
      }
    } catch let error as ModelError {
      // Mistakes of the configuration have been reported with it.
      for problem in error.problems where problem.hasPrefix("student.") {
        reader.report("student", String(problem.dropFirst("student.".count)))
      }
    } catch {
      reader.report("teacher.configuration", "\(error)")
    }
  }

  private func reportMissingData(to reader: DocumentReader) {
    if data.train.isEmpty, let stage = stages.first(where: { $0.training != nil }) {
      reader.report("data.train", "is empty; the stage \"\(stage.name)\" needs text to train on")
    }
    for stage in stages where data.validation.isEmpty {
      guard let training = stage.training else { continue }
      if training.keepBest || training.evaluateEvery != nil {
        reader.report(
          "data.validation",
          "is empty; the stage \"\(stage.name)\" needs text for its validation loss (or "
            + "\"keepBest\": false and no \"evaluateEvery\")")
      }
    }
    for stage in stages where data.validation.isEmpty {
      guard let selection = stage.specification as? SoftmaxLayerSelection,
        selection.weights.divergence > 0
      else { continue }
      reader.report(
        "data.validation",
        "is empty; the stage \"\(stage.id)\" chooses layers by it (or \"text\": {\"weight\": 0})")
    }
    let evaluations = stages.filter { $0.specification is Evaluate }
    if data.test.isEmpty, let stage = evaluations.first {
      reader.report("data.test", "is empty; the stage \"\(stage.id)\" needs text to measure on")
    }
    for stage in evaluations {
      guard let sequences = (stage.specification as? Evaluate)?.sequences,
        let kept = data.testSequences, sequences > kept
      else { continue }
      reader.report(
        "data.testSequences",
        "found \(kept), expected at least the \(sequences) that the stage \"\(stage.id)\" measures on"
      )
    }
  }

  /// JSON Schema of a recipe, for editors.
  public static var schema: JSONValue {
    var schema = JSONObject([
      ("$schema", "https://json-schema.org/draft/2020-12/schema"), ("title", "linearize recipe"),
    ])
    let described = DocumentReader.schema { _ = Recipe($0) }.objectValue!
    for (key, value) in described.members { schema[key] = value }
    var properties: JSONObject = ["$schema": ["type": "string"]]
    for (key, value) in schema["properties"]!.objectValue!.members { properties[key] = value }
    schema["properties"] = .object(properties)
    return .object(schema)
  }
}
