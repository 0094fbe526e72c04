"""The pages of metrics: the list, one metric with its versions, the editor, and trying a draft."""
