import Checkpoints
import Transformers

extension ModelSource {
  /// Any teacher in Hugging Face's spelling, a GGUF file too: what its metadata mean is its
  /// family's to say.
  ///
  /// - Throws: as `open`, and `ModelError` for a GGUF file of no known family.
  public static func openTeacher(_ path: String) throws -> ModelSource {
    let source = try open(path)
    guard source.format == .gguf else { return source }
    let (configuration, tensors) = try TeacherFamilies.translated(
      gguf: source.metadata, tensors: source.tensors, location: source.location)
    return source.respelled(configuration: configuration, tensors: tensors)
  }
}
