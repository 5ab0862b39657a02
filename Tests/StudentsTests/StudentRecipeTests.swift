import Documents
import Operations
import Students
import Testing

@Suite struct StudentRecipeTests {
  private func mistakes(_ document: JSONValue) -> [String] {
    do {
      _ = try DocumentReader.read(document, at: "$.student", StudentSpecification.init)
      return []
    } catch { return error.diagnostics.map(\.description) }
  }

  /// As messages list words.
  private func listed(_ words: [String]) -> String {
    words.map { "\"\($0)\"" }.joined(separator: ", ")
  }

  @Test func `an unknown mixer is answered with the known ones and the nearest`() {
    let known = listed(StudentRegistry.mixers.map { $0.name })
    #expect(
      mistakes(["mixer": "slidingwindow", "featureMap": [:]]) == [
        """
        $.student.mixer: found the string "slidingwindow", expected one of \(known); did you mean \
        "sliding-window"?
        """
      ])
    #expect(
      mistakes([:]) == [
        """
        $.student.mixer: is missing; expected one of \(known) (Token mixer that replaces softmax \
        attention; may be left out where memory, window or policy are given)
        """
      ])
  }

  @Test func `an unknown feature map is answered with the known ones and the nearest`() {
    let known = listed(StudentRegistry.featureMaps.map { $0.name })
    #expect(
      mistakes(["mixer": "linear", "featureMap": ["kind": "sofmax"]]) == [
        """
        $.student.featureMap.kind: found the string "sofmax", expected one of \(known); did you mean \
        "softmax"?
        """
      ])
  }

  @Test func `keys that a mixer or its map do not have are answered with the nearest`() {
    #expect(
      mistakes(["mixer": "linear", "windowSize": 64, "featureMap": [:]]) == [
        """
        $.student.windowSize: is not a known key; known keys here are featureMap, mixer, \
        softmaxLayers
        """
      ])
    #expect(
      mistakes(["mixer": "terrace-window", "windowsize": 64, "featureMap": ["projectiondim": 3]])
        == [
          """
          $.student.featureMap.projectiondim: is not a known key; did you mean "projectionDim"?
          """,
          """
          $.student.windowsize: is not a known key; did you mean "windowSize"?
          """,
        ])
    // Not every map has both spaces.
    #expect(
      mistakes(["mixer": "linear", "featureMap": ["kind": "exponential", "space": "half"]]) == [
        """
        $.student.featureMap.space: is not a known key; known keys here are bias, biasShape, \
        initialization, kind, projection, projectionDim, skipConnection, tied
        """
      ])
  }

  @Test func `values out of bounds and of the wrong kind are reported together`() {
    let found = mistakes([
      "mixer": "sliding-window", "windowSize": 0, "sinks": -1, "initialWindowFactor": 1,
      "affineAttentionFactors": "yes", "softmaxLayers": [0, -2],
      "featureMap": ["projectionDim": 0, "initialization": "xavier", "space": "third"],
    ])
    #expect(
      found == [
        "$.student.softmaxLayers[1]: found the integer -2, expected an integer of at least 0",
        "$.student.windowSize: found the integer 0, expected an integer from 1 to 1048576",
        "$.student.sinks: found the integer -1, expected an integer from 0 to 1024",
        "$.student.affineAttentionFactors: found the string \"yes\", expected true or false",
        """
        $.student.initialWindowFactor: found the integer 1, expected a number from 1e-06 to 0.999999
        """,
        """
        $.student.featureMap.space: found the string "third", expected one of "full", "half"
        """,
        """
        $.student.featureMap.projectionDim: found the integer 0, expected an integer from 1 to 65536
        """,
        """
        $.student.featureMap.initialization: found the string "xavier", expected one of \
        "identity", "kaiming", "zero"
        """,
      ])
  }

  @Test func `a zero projection needs a skip connection`() {
    #expect(
      mistakes(["mixer": "linear", "featureMap": ["initialization": "zero"]]) == [
        """
        $.student.featureMap.initialization: a zero projection without "skipConnection": true \
        makes every feature equal; use "identity" or "kaiming", or set skipConnection
        """
      ])
    #expect(
      mistakes([
        "mixer": "linear", "featureMap": ["initialization": "zero", "skipConnection": true],
      ]) == [])
  }

  @Test func `a skip connection needs a projection as wide as the teacher's heads`() throws {
    let conflicts = { (width: Int) in
      try StudentCase(document: [
        "mixer": "terrace-window",
        "featureMap": ["skipConnection": true, "projectionDim": .integer(width)],
      ]).specification().mixer.conflicts(with: StudentCase.geometry)
    }
    #expect(try conflicts(6) == [])
    #expect(
      try conflicts(4) == [
        "featureMap.skipConnection needs projectionDim 6, the teacher's head dimension; found 4"
      ])
  }

  @Test(arguments: ["softmax", "taylor"])
  func `an identity fills no more coordinates than a head has`(kind: String) throws {
    let conflicts = { (initialization: String, width: Int) in
      try StudentCase(document: [
        "mixer": "linear",
        "featureMap": [
          "kind": .string(kind), "projection": "learned",
          "initialization": .string(initialization), "projectionDim": .integer(width),
        ],
      ]).specification().mixer.conflicts(with: StudentCase.geometry)
    }
    #expect(try conflicts("identity", 6) == [])
    #expect(try conflicts("kaiming", 9) == [])
    #expect(
      try conflicts("identity", 9) == [
        """
        featureMap.projectionDim is 9, but heads of 6 coordinates fill no more than 6 of an \
        identity at the start; use at most 6, or "initialization": "kaiming"
        """
      ])
  }

  @Test func `a map without a projection takes no options of one`() {
    #expect(
      mistakes([
        "mixer": "linear",
        "featureMap": [
          "kind": "taylor", "projectionDim": 16, "bias": true, "initialization": "kaiming",
          "tied": true, "skipConnection": true,
        ],
      ])
        == ["projectionDim", "skipConnection", "initialization", "bias", "tied"].map {
          """
          $.student.featureMap.\($0): there is no projection to apply it to; set \
          "projection": "learned", or remove it
          """
        })
    // What a resolved recipe spells out of a map without a projection.
    #expect(
      mistakes([
        "mixer": "linear",
        "featureMap": [
          "kind": "t2r", "projection": "none", "projectionDim": nil, "skipConnection": false,
          "initialization": "kaiming", "bias": false, "biasShape": "coordinate", "tied": false,
        ],
      ]) == [])
  }

  @Test func `options of maps are held to what they can mean`() throws {
    let options: [(JSONValue, String)] = [
      (
        ["kind": "performer", "randomFeatures": 0],
        "randomFeatures: found the integer 0, expected an integer from 1 to 65536"
      ),
      (
        ["kind": "cosformer", "maximumLength": 0],
        "maximumLength: found the integer 0, expected an integer from 1 to 16777216"
      ),
      (
        ["kind": "exp", "temperature": 0],
        "temperature: found the integer 0, expected a number from 0.001 to 1000.0"
      ),
      (["kind": "dpfp", "nu": 0], "nu: found the integer 0, expected an integer from 1 to 1024"),
    ]
    for (map, message) in options {
      #expect(
        mistakes(["mixer": "linear", "featureMap": map]) == ["$.student.featureMap.\(message)"])
    }
    let conflicts = { (nu: Int) in
      try StudentCase(document: [
        "mixer": "linear", "featureMap": ["kind": "dpfp", "nu": .integer(nu)],
      ]).specification().mixer.conflicts(with: StudentCase.geometry)
    }
    #expect(try conflicts(11) == [])
    #expect(
      try conflicts(12) == [
        """
        featureMap.nu is 12, but 12 rectified coordinates are at most 11 places apart; use at most \
        that
        """
      ])
  }

  @Test(arguments: StudentCase.mapMixers)
  func `a student says how long its sequences may be`(mixer: String) throws {
    let student = { (map: JSONValue) in
      StudentCase(document: ["mixer": .string(mixer), "featureMap": map])
    }
    let bounded = student(["kind": "cosformer", "maximumLength": 77])
    #expect(try bounded.specification().mixer.maximumLength == 77)
    #expect(try bounded.freshMixer().maximumLength == 77)
    #expect(try student([:]).specification().mixer.maximumLength == nil)
    #expect(try student([:]).freshMixer().maximumLength == nil)
  }

  @Test func `every registered mixer says when its map cannot stand on a layer`() throws {
    for mixer in StudentCase.mapMixers {
      let testCase = StudentCase(document: [
        "mixer": .string(mixer),
        "featureMap": ["skipConnection": true, "projectionDim": 4],
      ])
      let found = try testCase.specification().mixer.conflicts(with: StudentCase.geometry)
      #expect(found.count == 1, "\(mixer)")
    }
  }

  @Test func `every registered name is read as itself, and no two are the same`() throws {
    let mixers = StudentRegistry.mixers.map { $0.name }
    let maps = StudentRegistry.featureMaps.map { $0.name }
    #expect(Set(mixers).count == mixers.count)
    #expect(Set(maps).count == maps.count)
    for testCase in StudentCase.all {
      let mixer = try testCase.specification().mixer
      #expect(type(of: mixer).name == testCase.mixerName)
    }
    #expect(Set(StudentCase.all.map(\.mixerName)) == Set(mixers))
    // Every option that a recipe can give a mixer or its map is set in some case.
    let given = StudentCase.all.reduce(into: Set<String>()) {
      $0.formUnion($1.document.objectValue!.keys)
      $0.formUnion($1.document["featureMap"]?.objectValue?.keys ?? [])
    }
    let schema = DocumentReader.schema { _ = StudentSpecification($0) }
    let known = Set(
      schema["properties"]!.objectValue!.keys
        + schema["properties"]!["featureMap"]!["properties"]!.objectValue!.keys)
    #expect(known.subtracting(given) == ["softmaxLayers", "trainWindowFactor"])
  }
}
