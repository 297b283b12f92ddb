"""Docent's parts as llama-index components, and llama-index's vector stores as parts of Docent.

    rag.adapters.embedding.DocentEmbedding        Docent's embedder as a llama-index ``BaseEmbedding``
    rag.adapters.vector_store.DocentVectorStore   Docent's library as a llama-index ``BasePydanticVectorStore``
    rag.adapters.external_store.ExternalStore     a llama-index vector store as Docent's vector index
    app.models.llama_index_llm.DocentLLM          a model that Docent runs as a llama-index ``LLM``

They are imported where they are used, since llama-index takes a second to import. ``docs/llama-index.md`` has examples.
"""
