import Documents

extension TeacherFamilies {
  /// Keys of a configuration that its family does not look up and that are not known to be without
  /// effect here, in the order of their names: what the model computes may depend on them.
  ///
  /// - Parameter document: a `config.json`.
  /// - Returns: none for an unknown family, and for a configuration that cannot be read.
  public static func unreadKeys(_ document: JSONValue) -> [String] {
    guard let type = document["model_type"]?.stringValue,
      let family = all.first(where: { $0.modelType == type })
    else { return [] }
    let reader = ConfigurationReader(document)
    let architecture = family.architecture(reader)
    if !reader.problems.isEmpty { return [] }
    // Some are looked up with the tensors that they speak of.
    _ = architecture.weights(WeightSource { _, _ in })
    return reader.unread.filter { !withoutEffect.contains($0) && !$0.hasPrefix("_") }
  }

  /// What published configurations hold beside what a model computes of its tokens. Keys that begin
  /// with an underscore are transformers' own.
  private static let withoutEffect: Set<String> = [
    // What it is and who made it.
    "model_type", "architectures", "auto_map", "transformers_version", "torch_dtype", "dtype",
    "tokenizer_class", "is_llama_config", "transformers.js_config", "unsloth_fixed",
    "unsloth_version", "quantization_config", "base_model_tp_plan", "language", "license", "name",
    "name_or_path",
    // Of texts and generation.
    "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id",
    "mask_token_id", "unk_token_id", "decoder_start_token_id", "task_specific_params", "use_cache",
    "cache_implementation", "max_length", "min_length", "do_sample", "temperature", "top_k",
    "top_p",
    "repetition_penalty", "num_beams",
    // Of training, and of heads that are not used.
    "initializer_range", "initializer_factor", "attention_dropout", "attn_pdrop", "embd_pdrop",
    "resid_pdrop", "hidden_dropout", "hidden_dropout_prob", "attention_probs_dropout_prob",
    "classifier_dropout", "gradient_checkpointing", "pretraining_tp", "id2label", "label2id",
    "num_labels", "problem_type", "finetuning_task", "summary_activation", "summary_first_dropout",
    "summary_proj_to_labels", "summary_type", "summary_use_proj", "chunk_size_feed_forward",
    // Of how others compute the same.
    "attn_implementation", "use_flash_attn", "use_flash_attention_2", "output_attentions",
    "output_hidden_states", "output_past", "return_dict", "torchscript", "pruned_heads",
    "is_decoder", "add_cross_attention",
    "use_bfloat16", "is_encoder_decoder", "tie_encoder_decoder",
    // Known to transformers' classes of these families and used by none of them.
    "rope_interleaved", "n_ctx",
  ]
}
