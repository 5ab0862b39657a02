import Checkpoints
import Transformers

extension ModelSource {
  /// Any teacher in Hugging Face's spelling and under its family's names: what a GGUF file's metadata
  /// mean, and which names are only another spelling, is the family's to say.
  ///
  /// - Throws: as `open`, and `ModelError` for a GGUF file of no known family.
  public static func openTeacher(_ path: String) throws -> ModelSource {
    let source = try open(path)
    guard source.format == .gguf else {
      let teacher = ExportedConfiguration.teacher(of: source.configuration)
      return source.respelled(
        configuration: source.configuration,
        tensors: try TeacherFamilies.canonical(
          source.tensors, modelType: teacher["model_type"]?.stringValue, location: source.location))
    }
    let (configuration, tensors) = try TeacherFamilies.translated(
      gguf: source.metadata, tensors: source.tensors, location: source.location)
    return source.respelled(configuration: configuration, tensors: tensors)
  }
}
