"""Recipes: lists of modules, wired by the names of what they make and take."""

from beamloom.rules.recipes.recipe import Recipe, parse_recipe, read_recipe
from beamloom.rules.recipes.registry import module, module_names
from beamloom.rules.recipes.running import run_recipe
from beamloom.rules.recipes.saving import WholeFiles, with_outputs
from beamloom.rules.recipes.values import Image, Table

__all__ = [
    "Image",
    "Recipe",
    "Table",
    "WholeFiles",
    "module",
    "module_names",
    "parse_recipe",
    "read_recipe",
    "run_recipe",
    "with_outputs",
]
