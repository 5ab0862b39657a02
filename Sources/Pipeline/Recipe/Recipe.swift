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
  public var teacher: TeacherSpecification
  public var data: DataSpecification
  /// nil: the model keeps softmax attention, to be pretrained.
  public var student: StudentSpecification?
  public var stages: [any StageSpecification]

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
    let positioned = reader.objects(
      "stages", minimum: 1, "What is done to the student, in order.", StageRegistry.read
    ).enumerated().compactMap { index, stage in stage.map { PlacedStage(index: index, stage: $0) } }
    stages = positioned.map(\.stage)
    if output.isEmpty { reader.report("output", "is empty; expected the folder of the run") }
    Self.reportOrder(of: positioned, to: reader)
    reportMissingData(to: reader)
    reportLengths(to: reader)
    reportPretraining(of: positioned, to: reader)
  }

  /// Whether a model is trained from the start instead of converted.
  public var isPretraining: Bool { stages.contains { $0.phase == .pretraining } }

  /// A stage and its position in the document, where a mistaken one has left a gap.
  private struct PlacedStage {
    var index: Int
    var stage: any StageSpecification
  }

  private static func reportOrder(of stages: [PlacedStage], to reader: DocumentReader) {
    for (before, after) in zip(stages, stages.dropFirst())
    where StageRegistry.position(of: before.stage) > StageRegistry.position(of: after.stage) {
      reader.report(
        "stages[\(after.index)]",
        "\"\(after.stage.name)\" comes after \"\(before.stage.name)\"; expected the order "
          + StageRegistry.all.map { $0.name }.joined(separator: ", "))
    }
    var names: Set<String> = []
    for entry in stages where !names.insert(entry.stage.name).inserted {
      reader.report(
        "stages[\(entry.index)]",
        "is a second \"\(entry.stage.name)\"; expected each stage once")
    }
  }

  private func reportPretraining(of stages: [PlacedStage], to reader: DocumentReader) {
    guard isPretraining else {
      if student == nil, !reader.isGiven("student") {
        reader.report(
          "student",
          "is missing; expected the attention that takes the softmax's place (only the stage "
            + "\"\(PretrainingSpecification.name)\" does without)")
      }
      if teacher.configuration != nil {
        reader.report(
          "stages",
          "do not train the weights of teacher.configuration; expected the stage "
            + "\"\(PretrainingSpecification.name)\", or a checkpoint as teacher.path")
      }
      return
    }
    for entry in stages where [.transfer, .adaptation].contains(entry.stage.phase) {
      reader.report(
        "stages[\(entry.index)]",
        "\"\(entry.stage.name)\" is beside \"\(PretrainingSpecification.name)\"; convert the "
          + "folder that it writes with a recipe of its own")
    }
    guard let document = teacher.configuration else { return }
    do {
      let model = try NewModel(document, location: "")
      if model.configuration.isEncoder {
        reader.report(
          "teacher.configuration",
          "describes an encoder (\(model.configuration.family)), which predicts no next token; the "
            + "stage \"\(PretrainingSpecification.name)\" trains decoders")
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
    guard let evaluation = stages.compactMap({ $0 as? EvaluationSpecification }).first else {
      return
    }
    if data.test.isEmpty {
      reader.report("data.test", "is empty; the stage \"evaluate\" needs text to measure on")
    }
    if let sequences = evaluation.sequences, let kept = data.testSequences, sequences > kept {
      reader.report(
        "data.testSequences",
        "found \(kept), expected at least the \(sequences) that the stage "
          + "\"evaluate\" measures on")
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
