import Documents

/// The `config.json` of an exported student.
///
/// Other programs choose by a few of its members what runs a model. With the teacher's, they would
/// run a converted layer as softmax attention and say nothing, so an exported student has a
/// `model_type` of its own and keeps the teacher's members for this program.
enum ExportedConfiguration {
  /// What says how the student is built; with it a folder is an exported student.
  static let studentKey = "linearize"
  private static let teacherKey = "teacherConfiguration"
  private static let typeKey = "model_type"
  private static let typePrefix = "linearize_"
  /// By which transformers, and what reads its checkpoints, choose the code.
  private static let codeKeys = [typeKey, "architectures", "auto_map"]

  /// - Parameters:
  ///   - student: the artefact's document.
  ///   - isPlain: whether the teacher's code computes what the student does, so that nothing has to
  ///     be hidden from it.
  static func make(teacher: JSONObject, student: JSONValue, isPlain: Bool) -> JSONObject {
    var configuration = teacher
    var student = student.objectValue ?? JSONObject()
    if !isPlain {
      var hidden = JSONObject()
      for key in codeKeys {
        hidden[key] = teacher[key]
        if key != typeKey { configuration[key] = nil }
      }
      configuration[typeKey] = .string(typePrefix + (hidden[typeKey]?.stringValue ?? "unknown"))
      student[teacherKey] = .object(hidden)
    }
    configuration[studentKey] = .object(student)
    return configuration
  }

  /// The teacher's own configuration, without what the export added. Folders exported by earlier
  /// versions kept the teacher's members in their places.
  static func teacher(of configuration: JSONValue) -> JSONValue {
    guard var object = configuration.objectValue else { return configuration }
    let hidden = object[studentKey]?[teacherKey]?.objectValue
    object[studentKey] = nil
    for (key, value) in hidden?.members ?? [] { object[key] = value }
    return .object(object)
  }

  /// The artefact's document as it was exported; nil for a model that is no student.
  static func student(of configuration: JSONValue) -> JSONValue? {
    guard var student = configuration[studentKey]?.objectValue else {
      return configuration[studentKey]
    }
    student[teacherKey] = nil
    return .object(student)
  }
}
