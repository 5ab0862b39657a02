import Documents
import Foundation
import Reports

/// The `README.md` of an exported student: what it was made of, what is known of it, how it is
/// loaded, and what it is not good at.
struct ModelCard {
  private let model: LoadedModel
  private let student: StudentArtefact
  /// Type of the file's tensors.
  private let type: ExportType
  /// The model that it is to transformers, which has the code itself; nil where the folder has it.
  private let native: String?

  init(_ model: LoadedModel, student: StudentArtefact, type: ExportType, native: String? = nil) {
    self.native = native
    self.model = model
    self.student = student
    self.type = type
  }

  /// - Throws: what reading the results of the student's run throws.
  func text() throws -> String {
    var sections = [heading, facts, loading]
    if let results = try results() { sections.append("## Results\n\n\(results)") }
    sections.append(limits)
    if student.recipe.objectValue != nil {
      sections.append(
        "## Recipe\n\nWith every default spelled:\n\n```json\n\(student.recipe.pretty)```\n")
    }
    return sections.joined(separator: "\n")
  }

  private var isEncoder: Bool { model.decoder.configuration.isEncoder }
  private var teacherName: String {
    student.teacherPath.split(separator: "/").last.map(String.init) ?? student.teacherPath
  }

  private var heading: String {
    """
    ---
    library_name: \(isEncoder ? "sentence-transformers" : "transformers")
    pipeline_tag: \(isEncoder ? "feature-extraction" : "text-generation")
    tags:
    - linearize
    - linear-attention
    ---
    # \(teacherName), linearised

    \(teacherName) with linear attention in place of softmax in \(layers).

    """
  }

  private var layers: String {
    let converted = model.decoder.convertedLayers
    let count = model.decoder.configuration.layers
    if converted.count == count { return "every layer (\(count))" }
    let kept = (0..<count).filter { !converted.contains($0) }.map(String.init)
    return
      "\(converted.count) of \(count) layers; softmax is kept in \(kept.joined(separator: ", "))"
  }

  private var facts: String {
    var table = TextTable(["", ""])
    table.append(["teacher", "`\(student.teacherPath)` (\(model.decoder.configuration.family))"])
    table.append(["SHA-256 of its weights", "`\(student.teacherDigest)`"])
    if let name = student.recipe["name"]?.stringValue { table.append(["recipe", name]) }
    table.append(["student", "`\(student.student.compact)`"])
    table.append(["last stage", "\(student.stage), seed \(student.seed)"])
    if let adapters = student.adapters {
      let targets = adapters.targets.map(\.checkpointName).joined(separator: ", ")
      table.append(["adapters", "rank \(adapters.rank) on \(targets), apart"])
    }
    table.append(["weights", type.rawValue])
    table.append(["made by", student.program])
    return table.markdown
  }

  private var loading: String { native.map(nativeLoading) ?? ownLoading }

  private func nativeLoading(_ native: String) -> String {
    """
    ## How to load

    Its layers are cases of \(native)'s, so that transformers 5 has its code:

    ```python
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained("PATH")
    tokenizer = AutoTokenizer.from_pretrained("PATH")
    inputs = tokenizer("Once upon a time", return_tensors="pt")
    print(tokenizer.decode(model.generate(**inputs, max_new_tokens=40)[0]))
    ```

    """
  }

  private var ownLoading: String {
    let code =
      isEncoder
      ? """
      from sentence_transformers import SentenceTransformer

      model = SentenceTransformer("PATH", trust_remote_code=True)
      vectors = model.encode(["One text.", "Another."])
      """
      : """
      from transformers import AutoModelForCausalLM, AutoTokenizer

      model = AutoModelForCausalLM.from_pretrained("PATH", trust_remote_code=True)
      tokenizer = AutoTokenizer.from_pretrained("PATH", trust_remote_code=True)
      inputs = tokenizer("Once upon a time", return_tensors="pt")
      print(tokenizer.decode(model.generate(**inputs, max_new_tokens=40)[0]))
      """
    return """
      ## How to load

      `modeling_linearize.py` in this folder is the model's code; it needs torch and transformers (4.43
      or later) and nothing else.

      ```python
      \(code)
      ```

      The folder is also a model of `linearize`: `linearize \(isEncoder ? "embed" : "generate") --model PATH`.

      """
  }

  /// The rows of the run that the student was opened from.
  private func results() throws -> String? {
    let path = "\(model.location)/results.json"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let text = try StoredResults(contentsOf: path).report.cardMarkdown
    return text.isEmpty ? nil : text
  }

  private var limits: String {
    var points = [
      "What softmax no longer reads is held in a state of constant size: names, numbers and passages "
        + "far back are recalled less exactly than by the teacher.",
      "It knows and gets wrong what its teacher does; its licence is its teacher's.",
    ]
    if !isEncoder, native == nil {
      points.append(
        "A batch may be padded on either side; several texts in one row, told apart by `position_ids`, "
          + "are read as one text. Static caches, assisted decoding and `torch.compile` of whole steps "
          + "are not offered.")
    }
    if let limit = model.decoder.lengthLimit {
      points.append("Texts of more than \(limit.tokens) tokens are refused: \(limit.reason).")
    }
    return "## What it is not good at\n\n" + points.map { "- \($0)\n" }.joined()
  }
}
