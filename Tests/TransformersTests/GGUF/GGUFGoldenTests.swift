import Checkpoints
import Differentiation
import Documents
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

/// Files as llama.cpp's converter writes them, of the goldens' own models.
@Suite struct GGUFGoldenTests {
  @Test(
    "a GGUF file gives back the tensors it was made of, and transformers' logits",
    arguments: TeacherGolden.withGGUF)
  func translated(golden: TeacherGolden) throws {
    let original = try golden.source()
    let file = try golden.gguf()
    let (configuration, tensors) = try TeacherFamilies.translated(
      gguf: file.metadata, tensors: file.tensors, location: file.location)
    #expect(Set(tensors.keys) == Set(original.tensors.keys))
    for (name, tensor) in tensors {
      let expected = try #require(original.tensors[name])
      #expect(tensor.shape == expected.shape, "\(name)")
      #expect(
        relativeRMS(tensor.widened().elements, expected.widened().doubles) < 1e-7, "\(name)")
    }
    let teacher = try Decoder(
      configuration: configuration, tensors: tensors, location: file.location)
    let logits = teacher.logits(
      try golden.tokens().flatMap { $0 }, layout: SequenceLayout(sequences: 2, length: 24))
    let expected = try #require(try golden.expected()["logits"])
    #expect(
      relativeRMS(logits.elements, expected.doubles) < TeacherGoldenTests.tolerance)
  }
}
