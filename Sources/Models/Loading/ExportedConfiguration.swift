import Documents

/// The `config.json` of an exported student.
///
/// Other programs choose by a few of its members what runs a model. With the teacher's, they would
/// run a converted layer as softmax attention and say nothing, so an exported student has a
/// `model_type` of its own, names the code that stands beside it, and keeps the teacher's members for
/// this program.
enum ExportedConfiguration {
  /// What says how the student is built; with it a folder is an exported student.
  static let studentKey = "linearize"
  private static let teacherKey = "teacherConfiguration"
  private static let typeKey = "model_type"
  /// The Python module beside the configuration.
  static let module = "modeling_linearize"
  /// What the code reads: `PortableModel`.
  private static let modelKey = "model"
  /// Known to no other program. Earlier versions wrote `linearize_llama` and the like.
  private static let type = "linearize"
  /// By which transformers, and what reads its checkpoints, choose the code.
  private static let codeKeys = [typeKey, "architectures", "auto_map"]

  /// - Parameters:
  ///   - student: the artefact's document.
  ///   - reference: what llama.cpp's converter and RADLADS' classes read of the student; empty where they
  ///     have none like it.
  ///   - model: for the code beside it; nil where the teacher's code computes what the student does,
  ///     so that nothing has to be hidden from it.
  static func make(
    teacher: JSONObject, student: JSONValue, reference: JSONObject = JSONObject(),
    model: JSONValue?, isEncoder: Bool
  ) -> JSONObject {
    var configuration = teacher
    var student = student.objectValue ?? JSONObject()
    if let model {
      var hidden = JSONObject()
      for key in codeKeys {
        hidden[key] = teacher[key]
        configuration[key] = nil
      }
      configuration[typeKey] = .string(type)
      let classes = code(isEncoder: isEncoder)
      configuration["architectures"] = [.string(classes.last!.name)]
      configuration["auto_map"] = .object(
        JSONObject(
          classes.map { (key: $0.key, value: .string("\(module).\($0.name)")) }))
      for (key, value) in reference.members {
        if !codeKeys.contains(key) { hidden[key] = teacher[key] ?? .null }
        configuration[key] = value
      }
      student[teacherKey] = .object(hidden)
      student[modelKey] = model
    }
    configuration[studentKey] = .object(student)
    return configuration
  }

  /// Classes of the module by the loaders of transformers, the whole model's last.
  private static func code(isEncoder: Bool) -> [(key: String, name: String)] {
    let classes = [
      (key: "AutoConfig", name: "LinearizeConfig"), (key: "AutoModel", name: "LinearizeModel"),
    ]
    return isEncoder
      ? classes : classes + [(key: "AutoModelForCausalLM", name: "LinearizeForCausalLM")]
  }

  /// The teacher's own configuration, without what the export added. Folders exported by earlier
  /// versions kept the teacher's members in their places.
  static func teacher(of configuration: JSONValue) -> JSONValue {
    guard var object = configuration.objectValue else { return configuration }
    let hidden = object[studentKey]?[teacherKey]?.objectValue
    object[studentKey] = nil
    if let hidden {
      for key in codeKeys { object[key] = hidden[key] }
      for (key, value) in hidden.members where !codeKeys.contains(key) {
        object[key] = value.isNull ? Optional.none : value
      }
    }
    return .object(object)
  }

  /// The artefact's document as it was exported; nil for a model that is no student.
  static func student(of configuration: JSONValue) -> JSONValue? {
    guard var student = configuration[studentKey]?.objectValue else {
      return configuration[studentKey]
    }
    student[teacherKey] = nil
    student[modelKey] = nil
    return .object(student)
  }
}
