/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//AddDocAnnotations: False
//AddServiceStackTypes: True
//AddDescriptionAsComments: True
//IncludeTypes: 
//ExcludeTypes: 
//DefaultImports: 
*/

"use strict";
var exports = typeof exports === "undefined" ? {} : exports;
function __assign(to, from) {
    for (var name in from) if (Object.prototype.hasOwnProperty.call(from, name)) to[name] = from[name];
}
function __inherits(type, base) {
    function Prototype() { this.constructor = type; }
    Prototype.prototype = base.prototype;
    type.prototype = new Prototype();
}
/** @typedef {'mp3'|'json_object'} */
var Mode;
(function (Mode) {
    Mode["MP3"] = "mp3";
    Mode["JsonObject"] = "json_object";
})(Mode || (Mode = {}));
exports.Mode = Mode;
/** @typedef {number} */
var Task;
(function (Task) {
    Task[Task["TextToImage"] = 1] = "TextToImage";
    Task[Task["SpeechToText"] = 8] = "SpeechToText";
})(Task || (Task = {}));
exports.Task = Task;
function KeyValuePair(init) { __assign(this, init); }
exports.KeyValuePair = KeyValuePair;
function ResponseError(init) { __assign(this, init); }
exports.ResponseError = ResponseError;
function ResponseStatus(init) { __assign(this, init); }
exports.ResponseStatus = ResponseStatus;
function Thing(init) { this.tags = []; this.apiModels = {}; __assign(this, init); }
exports.Thing = Thing;
/** @typedef {'TopLeft'|'Center'} */
var Plain;
(function (Plain) {
    Plain["TopLeft"] = "TopLeft";
    Plain["Center"] = "Center";
})(Plain || (Plain = {}));
exports.Plain = Plain;
function Special(init) { Thing.call(this, init); __assign(this, init); }
__inherits(Special, Thing);
exports.Special = Special;
function QueryBase(init) { __assign(this, init); }
exports.QueryBase = QueryBase;
function QueryDb(init) { QueryBase.call(this, init); __assign(this, init); }
__inherits(QueryDb, QueryBase);
exports.QueryDb = QueryDb;
function MakeThingResponse(init) { __assign(this, init); }
exports.MakeThingResponse = MakeThingResponse;
function QueryResponse(init) { __assign(this, init); }
exports.QueryResponse = QueryResponse;
function MakeThing(init) { __assign(this, init); }
MakeThing.prototype.getTypeName = function () { return 'MakeThing'; };
MakeThing.prototype.getMethod = function () { return 'POST'; };
MakeThing.prototype.createResponse = function () { return new MakeThingResponse(); };
exports.MakeThing = MakeThing;
function MakeSpecial(init) { Special.call(this, init); __assign(this, init); }
__inherits(MakeSpecial, Special);
MakeSpecial.prototype.getTypeName = function () { return 'MakeSpecial'; };
MakeSpecial.prototype.getMethod = function () { return 'POST'; };
MakeSpecial.prototype.createResponse = function () { return new MakeThingResponse(); };
exports.MakeSpecial = MakeSpecial;
function QueryThings(init) { QueryDb.call(this, init); __assign(this, init); }
__inherits(QueryThings, QueryDb);
QueryThings.prototype.getTypeName = function () { return 'QueryThings'; };
QueryThings.prototype.getMethod = function () { return 'GET'; };
QueryThings.prototype.createResponse = function () { return new QueryResponse(); };
exports.QueryThings = QueryThings;
function CreateThing(init) { __assign(this, init); }
CreateThing.prototype.getTypeName = function () { return 'CreateThing'; };
CreateThing.prototype.getMethod = function () { return 'POST'; };
CreateThing.prototype.createResponse = function () { return new MakeThingResponse(); };
exports.CreateThing = CreateThing;
function DeleteThing(init) { __assign(this, init); }
DeleteThing.prototype.getTypeName = function () { return 'DeleteThing'; };
DeleteThing.prototype.getMethod = function () { return 'DELETE'; };
DeleteThing.prototype.createResponse = function () { };
exports.DeleteThing = DeleteThing;
function GetThingFile(init) { __assign(this, init); }
GetThingFile.prototype.getTypeName = function () { return 'GetThingFile'; };
GetThingFile.prototype.getMethod = function () { return 'GET'; };
GetThingFile.prototype.createResponse = function () { return new Blob(); };
exports.GetThingFile = GetThingFile;
function GetThingText(init) { __assign(this, init); }
GetThingText.prototype.getTypeName = function () { return 'GetThingText'; };
GetThingText.prototype.getMethod = function () { return 'GET'; };
GetThingText.prototype.createResponse = function () { return ''; };
exports.GetThingText = GetThingText;
function GetThingNames(init) { __assign(this, init); }
GetThingNames.prototype.getTypeName = function () { return 'GetThingNames'; };
GetThingNames.prototype.getMethod = function () { return 'GET'; };
GetThingNames.prototype.createResponse = function () { return []; };
exports.GetThingNames = GetThingNames;
